import { assert, assertEquals } from "@std/assert";
import { type Folder, folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { findPika, pikaPublish, PikaReceiver } from "../support/pika.ts";
import { type LogLine, type RunnerProcess, startRunner } from "../support/runner_process.ts";
import { troubleOf } from "../support/serving.ts";

const required = (Deno.env.get("WARREN_TEST_REQUIRE") ?? "").split(",").includes("rabbitmq");
const python = findPika();
if (!python && !required) {
  console.log("pika is not installed (Debian: python3-pika): the tests of the tutorial are skipped.");
}

/** A test that needs pika beside a broker. */
function tutorialTest(name: string, fn: (url: string, python: string) => Promise<void>): void {
  if (!python && !required) return void Deno.test({ name, ignore: true, fn: () => {} });
  brokerTest(name, (url) => {
    assert(python, "pika is not installed (Debian: python3-pika)");
    return fn(url, python);
  });
}

/** The shipped function on a queue of the test's own. */
async function helloOn(queue: string): Promise<Folder> {
  const shipped = await Deno.readTextFile(new URL("../../functions/hello.ts", import.meta.url));
  const text = shipped.replace('name: "hello"', `name: "${queue}"`);
  assert(text !== shipped, "the shipped hello function does not name its queue as expected");
  return await folder({ "hello.ts": text });
}

function received(runner: RunnerProcess): string[] {
  return runner.log.flatMap(({ message }) => message.match(/^ \[x\] Received '(.*)'$/)?.slice(1) ?? []).sort();
}

const serving = (line: LogLine) => line.message.startsWith("serving queue");
const DIGITS = Array.from({ length: 10 }, (_, n) => String(n));

function done(runner: RunnerProcess): number {
  return runner.log.filter(({ message }) => message === " [x] Done").length;
}

tutorialTest("two runners share the tutorial's messages, five each, in turns", async (url, python) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("hello");
  await using functions = await helloOn(queue);
  const options = { amqpUrl: url, functionsDir: functions.path };
  await using first = await startRunner(options);
  await using second = await startRunner(options);
  await Promise.all([first, second].map((runner) => runner.waitForLog(serving)));

  await pikaPublish(python, url, queue, DIGITS);

  await eventually(() => received(first).length + received(second).length === 10, { timeout: 20_000 });
  const shares = [received(first).join(" "), received(second).join(" ")].sort();
  assertEquals(shares, ["0 2 4 6 8", "1 3 5 7 9"]);
  await eventually(() => done(first) === 5 && done(second) === 5);
  assertEquals((await broker.count(queue)).messages, 0);
});

tutorialTest("the tutorial's own receiver takes its share beside two runners", async (url, python) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("hello");
  await using functions = await helloOn(queue);
  await using third = new PikaReceiver(python, url, queue);
  await third.ready;
  const options = { amqpUrl: url, functionsDir: functions.path };
  await using first = await startRunner(options);
  await using second = await startRunner(options);
  await Promise.all([first, second].map((runner) => runner.waitForLog(serving)));

  await pikaPublish(python, url, queue, DIGITS.slice(0, 9));

  const shares = () => [received(first), received(second), third.received];
  await eventually(() => shares().flat().length === 9);
  assertEquals(shares().map((share) => share.length), [3, 3, 3]);
  assertEquals([...troubleOf(first), ...troubleOf(second)], []);
});

tutorialTest("the receiver joins runners that are there already", async (url, python) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("hello");
  await using functions = await helloOn(queue);
  await using runner = await startRunner({ amqpUrl: url, functionsDir: functions.path });
  await runner.waitForLog(serving);
  await using receiver = new PikaReceiver(python, url, queue);
  await receiver.ready;

  await pikaPublish(python, url, queue, ["1", "2", "3", "4"]);

  await eventually(() => received(runner).length + receiver.received.length === 4);
  assertEquals([received(runner).length, receiver.received.length], [2, 2]);
});

tutorialTest("what was published before any consumer came is handled", async (url, python) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("hello");
  await using functions = await helloOn(queue);
  await pikaPublish(python, url, queue, ["0", "1", "2"]);

  await using runner = await startRunner({ amqpUrl: url, functionsDir: functions.path });

  await eventually(() => received(runner).length === 3);
  assertEquals(received(runner), ["0", "1", "2"]);
});
