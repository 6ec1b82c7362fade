import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Finding } from "../../../lib/cli/doctor/finding.ts";
import { folder } from "../../loader/folder.ts";
import { BrokerClient } from "../../support/broker_client.ts";
import { brokerTest } from "../../support/brokers.ts";
import { freePort } from "../../support/free_port.ts";
import { runMain } from "../run_command.ts";

const HANDLER = "export default () => {};";

/** As users run it. */
async function examine(env: Record<string, string>): Promise<{ code: number; findings: Finding[] }> {
  const { code, stdout, stderr } = await runMain(["doctor", "--json"], { PORT: "0", ...env });
  assert(stdout.startsWith("{"), `expected JSON, found ${stdout} ${stderr}`);
  const { findings, errors } = JSON.parse(stdout);
  assertEquals(code, errors > 0 ? 1 : 0);
  return { code, findings };
}

function of(findings: readonly Finding[], check: string): [level: string, text: string, action: string][] {
  return findings.filter((one) => one.check === check).map(({ level, text, action = "" }) => [level, text, action]);
}

brokerTest("doctor says what it found on the broker, in the functions and on the machine", async (url) => {
  await using broker = await BrokerClient.connect(url);
  const queue = broker.queue("consumed");
  await broker.declare(queue);
  await broker.declare(`${queue}.dead`);
  await broker.publish(`${queue}.dead`, ["1", "2"]);
  await using functions = await folder({
    "ill.ts": `export const config = { queue: "${queue}" }; ${HANDLER}`,
    "absent.ts": `export const config = { queue: "${queue}-absent" }; ${HANDLER}`,
    "broken.ts": "export default 1 +;",
  });
  const { code, findings } = await examine({
    AMQP_URL: url,
    FUNCTIONS_DIR: functions.path,
    WARREN_DATA: `${functions.path}/data`,
    DRAIN_TIMEOUT: "60s",
  });
  assertEquals(code, 1);
  assertEquals(of(findings, "broker").map(([level]) => level), ["ok"]);
  assertEquals(of(findings, "rights").map(([level]) => level), ["ok"]);
  assertEquals(of(findings, "heartbeat"), [["ok", "every 20 s", ""]]);
  assertEquals(of(findings, "data folder").map(([level]) => level), ["ok"]);
  assertEquals(of(findings, "functions"), [["ok", "2 of 3 can be bound", ""]]);
  assertEquals(of(findings, "function broken").map(([level]) => level), ["error"]);
  const [[, nobody], [, dead, action]] = of(findings, "function ill");
  assertEquals(nobody, `nobody consumes queue "${queue}", where 0 messages wait`);
  assertEquals(dead, "2 dead letters");
  assertStringIncludes(action, `deno task dead list ${queue}`);
  assertStringIncludes(of(findings, "function absent")[0][1], "no runner has served the function");
  assertStringIncludes(of(findings, "stopping")[0][2], "terminationGracePeriodSeconds: 65");
  // It leaves nothing behind.
  assertEquals([...Deno.readDirSync(functions.path)].some(({ name }) => name === "data"), false);
});

Deno.test("doctor ends with 1 where no broker answers, and says what to do", async () => {
  await using functions = await folder({ "fine.ts": HANDLER });
  const env = { FUNCTIONS_DIR: functions.path, WARREN_DATA: functions.path };
  const { findings } = await examine({ ...env, AMQP_URL: `amqp://guest:s3cret@127.0.0.1:${freePort()}` });
  const [[level, text, action]] = of(findings, "broker");
  assertEquals([level, text.includes("s3cret")], ["error", false]);
  assertStringIncludes(action, "start the broker");
});

Deno.test("doctor does not blame a broker that a runner would start", async () => {
  await using functions = await folder({ "fine.ts": HANDLER });
  const env = { FUNCTIONS_DIR: functions.path, WARREN_DATA: functions.path, BROKER_PORT: String(freePort()) };
  const { code, findings } = await examine(env);
  assertEquals([code, of(findings, "broker")[0][0]], [0, "info"]);
});
