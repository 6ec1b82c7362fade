import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { check } from "../../lib/cli/check.ts";
import { WarrenError } from "../../lib/errors.ts";
import { folder } from "../loader/folder.ts";
import { runCommand } from "./run_command.ts";

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
  assertStringIncludes(stdout, "3 at once, prefetch 3, at most 10000 ms each");
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
  assertStringIncludes(stdout, "1 of 2 functions are fine");
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
