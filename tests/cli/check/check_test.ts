import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { check } from "../../../lib/cli/check/check.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import { folder } from "../../loader/folder.ts";
import { runCommand, runMain } from "../run_command.ts";

const FINE = `
export const config = {
  queue: { name: "work", durable: false, arguments: { "x-max-length": 10 } },
  bindings: [{ exchange: "shop", routingKey: "order.*" }],
  concurrency: 3,
  timeout: "10s",
};
export default () => {};
`;
const BROKEN = `export const config = { concurency: 3 };\nexport default () => {};\n`;

Deno.test("check says what would be declared", async () => {
  await using functions = await folder({ "orders/created.ts": FINE });
  const { code, stdout, stderr } = await runCommand(check, ["--functions-dir", functions.path]);
  assertEquals([code, stderr], [0, ""]);
  for (const part of ["orders.created", "work (not durable, x-max-length=10)", "work.dead", 'shop (topic) "order.*"']) {
    assertStringIncludes(stdout, part);
  }
  assertStringIncludes(stdout, "3 at once, prefetch 3, at most 10s each");
});

Deno.test("check says where CloudEvents come in and go out", async () => {
  const config =
    `{ envelope: "cloudevents", output: { exchange: "shop", routingKey: "sold", event: { type: "t.sold" } } }`;
  await using functions = await folder({ "sold.ts": `export const config = ${config};\nexport default () => {};\n` });
  const { stdout } = await runCommand(check, ["--functions-dir", functions.path]);
  assertStringIncludes(stdout, "messages      CloudEvents, binary and structured");
  assertStringIncludes(stdout, 'output        shop "sold", as CloudEvent t.sold (binary)');
  const { stdout: json } = await runCommand(check, ["--json", "--functions-dir", functions.path]);
  const [{ envelope, output }] = JSON.parse(json).functions;
  assertEquals([envelope, output.event], ["cloudevents", { type: "t.sold" }]);
});

Deno.test("check says that a function gets bytes", async () => {
  const raw = `export const config = { body: "raw" };\nexport default () => {};\n`;
  await using functions = await folder({ "raw.ts": raw });
  const { stdout } = await runCommand(check, ["--functions-dir", functions.path]);
  assertStringIncludes(stdout, "messages      bytes as they come, not decoded");
});

Deno.test("check ends with 1 and the reason on standard error when a function is broken", async () => {
  await using functions = await folder({ "fine.ts": FINE, "broken.ts": BROKEN });
  const { code, stdout, stderr } = await runCommand(check, ["--functions-dir", functions.path]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "broken: broken");
  assertStringIncludes(stderr, "concurency");
  assertStringIncludes(stdout, "1 of 2 functions can be bound; their modules are loaded with the first message");
});

Deno.test("check --json is one document with both", async () => {
  await using functions = await folder({ "fine.ts": FINE, "broken.ts": BROKEN });
  const { code, stdout } = await runCommand(check, ["--json", "--functions-dir", functions.path]);
  assertEquals(code, 1);
  const [broken, fine] = JSON.parse(stdout).functions;
  assertEquals([broken.name, fine.name, fine.queue.name, fine.timeout], ["broken", "fine", "work", 10_000]);
  assertStringIncludes(broken.error, "concurency");
});

Deno.test("check without a folder, or with an argument, says so", async () => {
  await assertRejects(() => runCommand(check, ["--functions-dir", "/no/such"]), WarrenError, "/no/such");
  await assertRejects(() => runCommand(check, ["hello"]), WarrenError, 'found "hello"');
});

/** What check prints for a function with this configuration. */
async function described(config: string, more = ""): Promise<string> {
  await using functions = await folder({
    "told.ts": `${more}export const config = ${config};\nexport default () => {};\n`,
  });
  const { stdout, stderr } = await runCommand(check, ["--functions-dir", functions.path]);
  assertEquals(stderr, "");
  return stdout;
}

Deno.test("check says what a retry is: a list with its own delays, or how they grow", async () => {
  assertMatch(await described('{ retry: ["2s", "30s", "5m"] }'), /^ {2}retry +4 attempts, after 2s, 30s, 5m$/m);
  const grows = await described('{ retry: { attempts: 5, delay: "1s", maxDelay: "1h" } }');
  assertMatch(grows, /^ {2}retry +5 attempts, after 1s, times 2, at most 1h, give or take 10 %$/m);
  assertMatch(await described("{ retry: { attempts: 1 } }"), /^ {2}retry +none: 1 attempt$/m);
});

Deno.test("check says when a schedule runs next", async () => {
  const text = await described('{ schedule: { cron: "30 4 * * *", timezone: "UTC", missed: "skip" } }');
  assertMatch(
    text,
    /^ {2}schedule +"30 4 \* \* \*" in UTC, missed times are skipped; next: (\d{4}-\d\d-\d\dT04:30:00Z(, |$)){3}/m,
  );
});

Deno.test("check says all that a function may do and what limits it", async () => {
  const text = await described(`{
    batch: { size: 20, wait: "2s" }, rateLimit: { limit: 100, per: "1m" }, memory: "64MB", warm: true,
    killSwitch: { window: "1m", errorRate: 0.5, minimum: 10, coolDown: "30s" },
    publish: ["orders"], permissions: { net: ["db:5432"], env: true },
  }`);
  for (
    const part of [
      /^ {2}batch +20 messages, or what has come 2s after the first$/m,
      /^ {2}rate limit +100 starts in 1m$/m,
      /^ {2}kill switch +pauses if 50 % of at least 10 fail within 1m, and tries one message after 30s$/m,
      /^ {2}publish +orders$/m,
      /^ {2}permissions +(net=db:5432 env|env net=db:5432)$/m,
      /^ {2}processes +at most 1, 64 MB each, one from the start, until 5m without work$/m,
    ]
  ) assertMatch(text, part);
  const plain = await described(
    '{ publish: false, order: { by: { header: "tenant" } } }',
    "export const input = {};\n",
  );
  assertMatch(plain, /^ {2}publish +nowhere$/m);
  assertMatch(plain, /^ {2}permissions +none$/m);
  assertMatch(plain, /^ {2}order +by header "tenant", in \d+ partitions$/m);
  assertMatch(plain, /^ {2}input +bodies have to fit the schema that it exports$/m);
  assertMatch(await described("{}"), /^ {2}publish +everywhere$/m);
  const after = await described(`{
    onDead: "alerts", dedupe: "5m", output: { routingKey: "next", headers: { tenant: "a", last: true } },
    http: { path: "/pay", public: true, events: true },
  }`);
  assertMatch(after, /^ {2}on dead +a copy of each dead letter goes to alerts$/m);
  assertMatch(after, /^ {2}dedupe +refuses messages whose ids were handled in the last 5m$/m);
  assertMatch(after, /^ {2}output +next, with headers tenant=a, last=true$/m);
  assertMatch(after, /^ {2}http +POST \/pay, public; events of its messages$/m);
});

Deno.test("check finds a package that is not in Deno's cache, as a user runs it", async () => {
  // A registry that nobody listens at.
  await using home = await folder({ ".npmrc": "@warren-test:registry=http://127.0.0.1:1/\n" });
  await using functions = await folder({
    "wanting.ts": 'import "npm:@warren-test/gone@1.0.0";\nexport default () => {};',
  });
  const { HOME = "", DENO_DIR = `${HOME}/.cache/deno` } = Deno.env.toObject();
  const env = { HOME: home.path, DENO_DIR, FUNCTIONS_DIR: functions.path, DOWNLOAD: "false" };
  const { code, stdout, stderr } = await runMain(["check"], env);
  assertEquals(code, 1);
  assertMatch(stderr, /wanting: broken\n.*wanting\.ts:1:8.*@warren-test\/gone/s);
  assertStringIncludes(stdout, "0 of 1 functions can be bound");
});

Deno.test("check says of which type a queue would be", async () => {
  await using functions = await folder({ "pay.ts": `export default () => {};` });
  const { stdout } = await runMain(["check", "--functions-dir", functions.path], { QUEUE_TYPE: "quorum" });
  assertStringIncludes(stdout, "pay (durable, x-queue-type=quorum)");
});
