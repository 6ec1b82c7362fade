import { taskArguments } from "../../support/command_lines.ts";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { dead } from "../../../lib/cli/dead/dead.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import { EVERY_PROPERTY, EVERY_TYPE } from "../../support/amqp/odd_messages.ts";
import { RawClient } from "../../support/amqp/raw_client.ts";
import { encodeProperties } from "../../support/amqp/raw_codec.ts";
import { brokerTest } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";
import { Graveyard } from "../../support/graveyard.ts";
import { uniqueName } from "../../support/unique.ts";
import { runCommand, runMain } from "../run_command.ts";

const FAILED_AT = "2026-05-06T07:08:09.123Z";

/** Runs `dead` on the graveyard's broker. */
function commandOf(graveyard: Graveyard, url: string) {
  return (action: string, ...args: string[]) => runCommand(dead, [action, graveyard.queue, ...args], { AMQP_URL: url });
}

function jsonLines(stdout: string): Record<string, unknown>[] {
  return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

brokerTest("dead list shows when, why, how often, which and how large", async (url) => {
  await using graveyard = await Graveyard.open(url);
  await graveyard.bury(["hello"], { "failed-at": FAILED_AT, error: "no\nluck\x1b[31m", redriven: 2 }, {
    messageId: "m-1",
  });

  const { code, stdout, stderr } = await commandOf(graveyard, url)("list");

  const [head, row] = stdout.split("\n");
  assertMatch(head, /^when +reason +attempts +error +message id +size$/);
  assertMatch(row, /^2026-05-06T07:08:09Z +failed +3 \+2r +Error: no luck\\u001b\[31m +m-1 +5$/);
  assertEquals([code, stderr], [0, `1 of 1 in ${graveyard.queue}.dead`]);
});

brokerTest("dead list takes the dead letters' own queue too, shows 100, and says that there are more", async (url) => {
  await using graveyard = await Graveyard.open(url);
  await graveyard.bury(Array.from({ length: 120 }, (_, n) => String(n)));
  const { stdout, stderr } = await runCommand(dead, ["list", graveyard.letters.queue], { AMQP_URL: url });
  assertEquals(stdout.split("\n").length, 1 + 100);
  assertEquals(stderr, `100 of 120 in ${graveyard.letters.queue}; --limit shows more`);
});

brokerTest("dead list --json is one object a line, filtered", async (url) => {
  await using graveyard = await Graveyard.open(url);
  await graveyard.bury(["a"], { reason: "crashed", "failed-at": FAILED_AT, function: "orders" }, { messageId: "m-1" });
  await graveyard.bury(["b"], { function: "orders" }, { headers: { tenant: "x=y" } });
  await graveyard.bury(["cc"], { function: "mail", error: "smtp" }, { messageId: "m-3" });
  const list = async (...args: string[]) =>
    jsonLines((await commandOf(graveyard, url)("list", "--json", ...args)).stdout);

  const [first] = await list("--reason", "crashed");
  assertEquals([first.id, first.failedAt, first.attempts, first.size], ["m-1", FAILED_AT, 3, 1]);
  assertEquals((await list("--error=SMTP")).map(({ id }) => id), ["m-3"]);
  assertEquals((await list("--header", "tenant=x=y")).length, 1);
  assertEquals((await list("--function", "orders", "--older-than", "1h")).map(({ id }) => id), ["m-1"]);
  assertEquals(await list("--newer-than", "10m"), []);
  assertEquals((await list("--limit", "2")).length, 2);
});

brokerTest("dead show prints headers, properties and the body as its content type says", async (url) => {
  await using graveyard = await Graveyard.open(url);
  const show = async (...args: string[]) => (await commandOf(graveyard, url)("show", "--id", ...args)).stdout;
  await graveyard.bury(['{"n":1}'], { stack: "at x.ts:1" }, {
    messageId: "json",
    contentType: "application/json",
    correlationId: "c-1",
    headers: { tenant: "a" },
  });
  await graveyard.bury([new Uint8Array([0, 255])], {}, { messageId: "bytes", contentType: "image/png" });
  await graveyard.bury(["{"], {}, { messageId: "broken", contentType: "application/json" });

  const text = await show("json");
  for (const part of ["at x.ts:1", "tenant: a", "correlationId: c-1", '"n": 1', "Error: no luck"]) {
    assertStringIncludes(text, part);
  }
  assertStringIncludes(await show("bytes"), "hex:\n00ff");
  assertStringIncludes(await show("broken"), "the body is not");
  const [json] = jsonLines(await show("json", "--json"));
  assertEquals([json.id, json.body, (json.headers as Record<string, unknown>).tenant], ["json", { n: 1 }, "a"]);
  assertEquals(jsonLines(await show("bytes", "--json"))[0].bodyBase64, "AP8=");
  const error = await assertRejects(() => show("none"), WarrenError);
  assertEquals(error.code, "missing");
});

brokerTest("dead redrive brings back those that match and says how many", async (url) => {
  await using graveyard = await Graveyard.open(url);
  await graveyard.buryNumbered(5);
  await graveyard.buryNumbered(3, { reason: "crashed" }, 5);
  const redrive = (...args: string[]) => commandOf(graveyard, url)("redrive", ...args);
  const { queue } = graveyard;

  assertEquals((await redrive("--dry-run")).stdout, `8 of 8 would go back to ${queue}`);
  assertEquals((await redrive("--id", "id-6")).stdout, `1 of 8 is back in ${queue}`);
  await eventually(async () => (await graveyard.counts()).join() === "1,7");
  assertEquals((await redrive("--reason", "failed", "--limit", "2")).stdout, `2 of 7 are back in ${queue}`);
  await eventually(async () => (await graveyard.counts()).join() === "3,5");
  const { code, stdout } = await redrive("--json", "--rate", "1000");
  assertEquals([code, jsonLines(stdout)[0].done, jsonLines(stdout)[0].dryRun], [0, 5, false]);
  assertEquals(await graveyard.counts(), [8, 0]);
});

brokerTest("dead redrive where the function never ran says what to do", async (url) => {
  await using graveyard = await Graveyard.open(url, { work: false });
  await graveyard.buryNumbered(1);
  const error = await assertRejects(() => commandOf(graveyard, url)("redrive"), WarrenError);
  assertStringIncludes(error.message, "is the function running?");
});

brokerTest("dead edit changes the body, a header and the content type", async (url) => {
  await using graveyard = await Graveyard.open(url);
  await graveyard.buryNumbered(3);
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, '{"n":2}');
  const edit = (...args: string[]) => commandOf(graveyard, url)("edit", "--id", ...args);

  const { stdout } = await edit("id-1", "--body", "new", "--header", "tenant=b");
  await edit("id-2", "--body-file", file, "--content-type", "application/json");

  assertEquals(stdout, `id-1 is changed and back in ${graveyard.queue}`);
  const [one, two] = await graveyard.drain(graveyard.queue);
  assertEquals([one.bodyString(), one.properties.headers?.tenant as unknown], ["new", "b"]);
  assertEquals([two.bodyString(), two.properties.contentType], ['{"n":2}', "application/json"]);
  await eventually(async () => (await graveyard.counts())[1] === 1);
  await Deno.remove(file);
});

brokerTest("dead purge takes away what matches, once it is told that it may", async (url) => {
  await using graveyard = await Graveyard.open(url);
  await graveyard.buryNumbered(4);
  await graveyard.buryNumbered(2, { reason: "crashed" }, 4);
  const purge = (...args: string[]) => commandOf(graveyard, url)("purge", ...args);
  const { queue } = graveyard.letters;

  const error = await assertRejects(() => purge("--json"), WarrenError);
  assertEquals(error.code, "config");
  assertStringIncludes(error.message, "--yes");
  assertEquals((await purge("--dry-run")).stdout, `6 of 6 would go from ${queue}`);
  assertEquals((await purge("--yes", "--reason", "crashed")).stdout, `2 of 6 are gone from ${queue}`);
  await eventually(async () => (await graveyard.counts())[1] === 4);
  assertEquals((await purge("--yes")).stdout, `4 of 4 are gone from ${queue}`);
  assertEquals(await graveyard.counts(), [0, 0]);
});

brokerTest("SIGINT stops a redrive, which says what was done and loses nothing", async (url) => {
  await using graveyard = await Graveyard.open(url);
  await graveyard.buryNumbered(100);
  const child = new Deno.Command(Deno.execPath(), {
    args: taskArguments(["dead", "redrive", graveyard.queue, "--rate", "20"]),
    env: { AMQP_URL: url },
    stdout: "piped",
    stderr: "piped",
    stdin: "null",
  }).spawn();
  const ended = child.output();
  try {
    await eventually(async () => (await graveyard.counts())[0] > 0);
  } finally {
    child.kill("SIGINT");
  }

  const { code, stdout, stderr } = await ended;
  const [, done] = new TextDecoder().decode(stdout).match(/^(\d+) of 100 (?:is|are) back in /) ?? [];
  assertEquals(code, 130);
  assertMatch(new TextDecoder().decode(stderr), /stopping[^]*stopped after \d+ of 100/);
  assert(Number(done) > 0 && Number(done) < 100);
  await eventually(async () => (await graveyard.counts()).join() === `${done},${100 - Number(done)}`);
});

Deno.test("what is typed wrongly is said before there is a connection", async () => {
  const wrong: [string[], string][] = [
    [[], "found nothing"],
    [["lits", "hello"], "list, show, redrive, edit, purge"],
    [["list"], "a queue"],
    [["show", "hello"], "--id"],
    [["list", "hello", "--rate", "1"], "list takes no --rate"],
    [["list", "hello", "--reason", "faild"], "did you mean failed?"],
    [["redrive", "hello", "--limit", "none"], '--limit: expected a whole number from 1, found "none"'],
    [["redrive", "hello", "--header", "x"], 'name=value, found "x"'],
    [["edit", "hello", "--id", "1"], "needs a change"],
    [["edit", "hello", "--id", "1", "--body", "a", "--body-file", "b"], "keep one"],
    [["purge", "hello", "--json"], "--yes"],
  ];
  for (const [args, text] of wrong) {
    const error = await assertRejects(() => runCommand(dead, args), WarrenError);
    assertEquals(error.code, "config");
    assertStringIncludes(error.message, text);
  }
});

brokerTest("dead on a queue that is not there ends with 1 and names it", async (url) => {
  const queue = uniqueName();
  const { code, stderr } = await runMain(["dead", "list", queue], { AMQP_URL: url });
  assertEquals(code, 1);
  assertStringIncludes(stderr, `there is no queue "${queue}.dead"`);
});

brokerTest("dead list and dead show print whatever headers and properties there are", async (url) => {
  await using graveyard = await Graveyard.open(url);
  await using raw = await RawClient.connect(url);
  const channel = await raw.channel();
  const properties = encodeProperties({ ...EVERY_PROPERTY, headers: EVERY_TYPE });
  await channel.publishConfirmed({ routingKey: graveyard.letters.queue }, "body", properties);
  const run = commandOf(graveyard, url);

  assertEquals((await run("list", "--header", "long=9007199254740993")).stdout.split("\n").length, 2);
  assertEquals((await run("list", "--header", "toString=x")).code, 0);
  assertEquals(jsonLines((await run("list", "--json")).stdout).length, 1);
  assertStringIncludes((await run("show", "--id", "m")).stdout, "long: 9007199254740993");
  const [shown] = jsonLines((await run("show", "--id", "m", "--json")).stdout);
  assertEquals((shown.headers as Record<string, unknown>).longest, "-9223372036854775808");
});
