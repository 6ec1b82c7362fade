import { assertEquals, assertRejects } from "@std/assert";
import { Logger } from "../../../lib/base/log.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import { RunArchive, type Thread } from "../../../lib/telemetry/runs/run_archive.ts";
import type { FromWorker, ToWorker } from "../../../lib/telemetry/runs/store/worker_protocol.ts";
import { FakeTimers } from "../../serving/fake_timers.ts";
import { runOf } from "./stored.ts";

/** A thread that does what the test says. */
class FakeThread implements Thread {
  onmessage: Thread["onmessage"] = null;
  onerror: Thread["onerror"] = null;
  readonly got: ToWorker[] = [];
  ended = false;

  postMessage(message: ToWorker): void {
    this.got.push(message);
  }

  terminate(): void {
    this.ended = true;
  }

  say(data: FromWorker): void {
    this.onmessage?.({ data } as MessageEvent<FromWorker>);
  }

  die(message: string): void {
    this.onerror?.({ message, preventDefault: () => {} } as ErrorEvent);
  }

  /** How many records each write had. */
  get writes(): number[] {
    return this.got.filter((message) => message.op === "write").map(({ runs }) => runs.length);
  }
}

function tested(buffer = 10_000) {
  const timers = new FakeTimers();
  const threads: FakeThread[] = [];
  const lines: string[] = [];
  const thread = () => {
    const made = new FakeThread();
    threads.push(made);
    return made;
  };
  const log = new Logger({ write: (line) => void lines.push(JSON.parse(line).message) });
  const archive = new RunArchive({ folder: "/data", keep: 10, age: 1_000, log, buffer, timers, thread });
  return { archive, timers, threads, lines };
}

Deno.test("records of a moment are one group, and nothing starts before there are any", async () => {
  const { archive, timers, threads } = tested();
  await timers.pass(1_000);
  assertEquals([threads.length, timers.waiting], [0, 0]);
  for (let count = 0; count < 3; count++) archive.write(runOf());
  await timers.pass(1_000);
  assertEquals([threads[0].got[0].op, threads[0].writes], ["open", [3]]);
});

Deno.test("while one group is being written, the next ones wait, and the oldest of too many are lost", async () => {
  const { archive, timers, threads, lines } = tested(5);
  archive.write(runOf());
  await timers.pass(1_000);
  for (let count = 0; count < 12; count++) archive.write(runOf());
  await timers.pass(1_000);
  assertEquals([threads[0].writes, archive.lost], [[1], 7]);
  threads[0].say({ op: "wrote", count: 1 });
  assertEquals(threads[0].writes, [1, 5]);
  assertEquals(
    lines[0],
    "run records are lost: they come faster than they can be written; messages are handled as ever",
  );
});

Deno.test("a full disk is one line, and its end another one", async () => {
  const { archive, timers, threads, lines } = tested();
  for (let count = 0; count < 3; count++) {
    archive.write(runOf());
    await timers.pass(1_000);
    threads[0].say({ op: "wrote", count: 1, error: "database or disk is full" });
  }
  archive.write(runOf());
  await timers.pass(1_000);
  threads[0].say({ op: "wrote", count: 1 });
  assertEquals(lines, [
    "run records are lost: database or disk is full; messages are handled as ever",
    "run records are kept again; 3 were lost since the start",
  ]);
});

Deno.test("a thread that ends takes its records with it, and another one is started later", async () => {
  const { archive, timers, threads, lines } = tested();
  archive.write(runOf());
  await timers.pass(1_000);
  threads[0].die("out of memory");
  archive.write(runOf());
  await timers.pass(1_000);
  assertEquals([threads.length, archive.lost, lines.length], [1, 2, 1]);
  await assertRejects(() => archive.ask("runs", {}), WarrenError, "cannot be read now");
  await timers.pass(60_000);
  archive.write(runOf());
  await timers.pass(1_000);
  assertEquals([threads.length, threads[1].writes], [2, [1]]);
});

Deno.test("an answer belongs to its question, and one that does not come is an error", async () => {
  const { archive, timers, threads } = tested();
  archive.write(runOf());
  const [first, second, third] = ["a", "b", "c"].map((id) => archive.ask("run", id));
  const asked = threads[0].got.filter((message) => message.op === "ask");
  assertEquals([threads[0].writes, asked.map(({ payload }) => payload)], [[1], ["a", "b", "c"]]);
  const failures = Promise.all([
    assertRejects(() => first, WarrenError, "the run records cannot be read: broken"),
    assertRejects(() => third, WarrenError, "no answer in time"),
  ]);
  const run = runOf();
  threads[0].say({ op: "answer", id: asked[1].id, value: run });
  threads[0].say({ op: "answer", id: asked[0].id, error: "broken" });
  assertEquals(await second, run);
  await timers.pass(20_000);
  await failures;
});

Deno.test("at the end, what waits is written first", async () => {
  const { archive, threads } = tested();
  archive.write(runOf());
  const closing = archive.close();
  threads[0].say({ op: "closed" });
  await closing;
  assertEquals([threads[0].got.map(({ op }) => op), threads[0].ended], [["open", "write", "close"], true]);
  archive.write(runOf());
  await assertRejects(() => archive.ask("run", "a"), WarrenError);
  assertEquals(threads.length, 1);
});
