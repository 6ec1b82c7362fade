import { assertEquals } from "@std/assert";
import { METRICS, type MetricSpec } from "../../lib/telemetry/names.ts";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { EmbeddedBroker } from "../support/embedded_broker.ts";
import { eventually } from "../support/eventually.ts";
import { OtlpReceiver } from "../support/otlp_receiver.ts";
import { startServing } from "../support/serving.ts";

Deno.test("with OTEL_DENO=true the same metrics reach an OTLP endpoint, under the names of the table", async () => {
  await using receiver = OtlpReceiver.listen();
  await using broker = await EmbeddedBroker.launch();
  await using client = await BrokerClient.connect(broker.url);
  const queue = client.queue("mail");
  await using functions = await folder({
    "mail.ts": `export const config = { queue: "${queue}", retry: { attempts: 1 } };
      export default ({ body }) => { if (body === "bad") throw new Error("no"); };`,
  });
  await using data = await folder({});
  const env = { ...receiver.env, OTEL_METRIC_EXPORT_INTERVAL: "200", WARREN_DATA: data.path };
  await using _ = await startServing({ amqpUrl: broker.url, functionsDir: functions.path, env });
  await client.publish(queue, ["good", "bad", "good"], { contentType: "text/plain", timestamp: new Date() });

  await eventually(() => receiver.value("warren_messages_total", { function: "mail", outcome: "completed" }) === 2);
  await eventually(() => receiver.value("warren_message_duration_seconds", { function: "mail" }) === 3);
  await eventually(() => receiver.value("warren_message_wait_seconds", { function: "mail" }) === 3);
  await eventually(() => receiver.value("warren_queue_dead_letters", { function: "mail" }) === 1);
  const expected = Object.values<MetricSpec>(METRICS).map(({ name, type, unit, help }) => ({ name, type, unit, help }));
  await eventually(() => receiver.metrics("warren").length === expected.length, {
    what: `${expected.length} metrics`,
  });
  const byName = (one: { name: string }, other: { name: string }) => one.name < other.name ? -1 : 1;
  assertEquals(receiver.metrics("warren").toSorted(byName), expected.toSorted(byName));
});
