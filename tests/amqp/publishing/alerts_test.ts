import { assertEquals, assertMatch } from "@std/assert";
import { Alerts } from "../../../lib/amqp/publishing/alerts.ts";
import type { OutgoingMessage } from "../../../lib/amqp/publishing/confirms/outgoing_message.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import { Logger } from "../../../lib/base/log.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import { invocationAs } from "../../telemetry/ended.ts";

const failure = { type: "Error", message: "no" };

/** Sends the alert of a message with these headers; the tries fail as told. */
async function alert({ headers = {}, messageId = "m", failures = [] as Error[], live = true }) {
  const tried: OutgoingMessage[] = [];
  const lines: { level: string; message: string }[] = [];
  const alerts = new Alerts({
    publisher: {
      publish: (message) => {
        tried.push(message);
        const failure = failures.shift();
        return failure ? Promise.reject(failure) : Promise.resolve();
      },
    },
    log: new Logger({ level: "info", write: (line) => void lines.push(JSON.parse(line)) }),
    pause: () => Promise.resolve(),
  });
  const definition = resolveFunctionConfig({ onDead: "alerts" }, { name: "order", file: "/order.ts", version: "1" });
  const invocation = invocationAs({ messageId, headers, attempt: 5 });
  await alerts.publish({ definition, invocation, delivery: { live }, reason: "failed", failure });
  return { tried, lines };
}

Deno.test("an alert has the dead letter's body and headers, as a new message with a first attempt", async () => {
  const headers = { tenant: "a", "warren-attempt": 5, "warren-redriven": 2, "warren-malformed": "x" };
  const { tried: [{ exchange, routingKey, body, properties }], lines } = await alert({ headers });
  assertEquals([exchange, routingKey, new TextDecoder().decode(body), lines], ["", "alerts", "{}", []]);
  assertEquals([properties.messageId, properties.contentType], ["m/dead", "application/json"]);
  const { tenant, ...own } = properties.headers!;
  assertEquals([tenant, own["warren-reason"], own["warren-error"], own["warren-attempts"]], ["a", "failed", "no", 5]);
  assertEquals([own["warren-alert"], own["warren-parent"]], ["order", "m"]);
  for (const name of ["warren-attempt", "warren-redriven", "warren-malformed"]) assertEquals(own[name], undefined);
});

Deno.test("an alert is not sent on, and neither is the message of a delivery that is gone", async () => {
  assertEquals((await alert({ headers: { "warren-alert": "other" } })).tried, []);
  assertEquals((await alert({ live: false })).tried, []);
});

Deno.test("an alert is tried until the broker has it, and logged if no queue takes it", async () => {
  const down = new WarrenError("unavailable", "down");
  const { tried, lines } = await alert({ failures: [down, down] });
  assertEquals([tried.length, lines.map(({ level }) => level)], [3, ["warn", "warn"]]);
  assertEquals(new Set(tried.map(({ properties }) => properties.messageId)), new Set(["m/dead"]));
  const lost = await alert({ failures: [new WarrenError("unroutable", "no queue")] });
  assertEquals([lost.tried.length, lost.lines.map(({ level }) => level)], [1, ["error"]]);
  assertMatch(lost.lines[0].message, /could not be sent to "alerts", as onDead says: no queue/);
});

Deno.test("an alert whose headers do not fit leaves some out, and one of a message without an id has one", async () => {
  const large = new WarrenError("refused", "the headers do not fit into a frame");
  const { tried } = await alert({ headers: { big: "x".repeat(5_000) }, failures: [large], messageId: "" });
  assertEquals(tried.length, 2);
  assertMatch(tried[1].properties.messageId!, /^[0-9a-f-]{36}$/);
});
