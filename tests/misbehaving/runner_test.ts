import { assert, assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { BrokerPlace } from "../support/hosted_broker.ts";
import { handledBy, post, seen, startServing, troubleOf } from "../support/serving.ts";

Deno.test("headers with the names of what every object has go through client, runner, retry and function unharmed", async () => {
  const names = ["constructor", "toString", "hasOwnProperty", "valueOf", "__proto__"];
  await using place = await BrokerPlace.make();
  await using functions = await folder({
    "polluted.ts": `
      export const config = { retry: { attempts: 2, delay: "10ms" } };
      export default async ({ headers, attempt }, context) => {
        if ({}.polluted) throw new Error("polluted");
        context.log.info("handled", { names: Object.keys(headers), attempt });
        throw new Error("again");
      };`,
    "innocent.ts":
      'export default ({ body }, { log }) => log.info("handled", { innocent: body, polluted: {}.polluted });',
  });
  await using runner = await startServing({ functionsDir: functions.path, env: place.env });
  await using client = await BrokerClient.connect(place.url);
  const headers = JSON.parse(`{${names.map((name) => `"${name}": { "polluted": true, "attempt": 7 }`).join()}}`);
  await client.publish("polluted", ["x"], { headers });
  const dead = await client.take("polluted.dead");
  for (const name of names.slice(0, -1)) {
    assert(Object.hasOwn(dead.properties.headers ?? {}, name), name);
    for (const line of handledBy(runner)) assert((line.names as string[]).includes(name), name);
  }
  assertEquals(await post(runner, "innocent", "x"), 202);
  const innocent = await runner.waitForLog((line) => line.innocent === "x");
  assertEquals(innocent.polluted, undefined);
  assertEquals((await seen(runner)).polluted.counts.failed, 2);
});

brokerTest("what a function publishes cannot break the connection that all of them publish by", async (url) => {
  const odd: Record<string, string> = {
    "many bytes in few characters": '{ headers: { long: "€".repeat(60_000) } }',
    "a name that is too long": '{ headers: { ["n".repeat(300)]: 1 } }',
    "a name of many bytes": '{ headers: { ["€".repeat(200)]: 1 } }',
    "a number that is none": "{ headers: { a: NaN, b: Infinity, c: -0 } }",
    "a whole number that is too large": "{ headers: { a: 2n ** 70n, b: -(2n ** 63n), c: 2 ** 53 } }",
    "a time before all time": "{ timestamp: new Date(-8.64e15) }",
    "a date as a header": "{ headers: { at: new Date(-1), far: new Date(8.64e15) } }",
    "a map, a set, an error": "{ headers: { map: new Map([[1, 2]]), set: new Set([1]), error: new Error() } }",
    "bytes of another width": "{ headers: { wide: new Float64Array(4), view: new DataView(new ArrayBuffer(4)) } }",
    "half a character": '{ headers: { half: "\\\\ud800" }, type: "\\\\udfff" }',
    "a user that it is not": '{ userId: "somebody" }',
    "an end that is now": '{ expiration: "0" }',
    "an end after all time": '{ expiration: "9999999999" }',
    "an empty text everywhere": '{ contentType: "", contentEncoding: "", type: "", headers: { "": "" } }',
  };
  await using client = await BrokerClient.connect(url);
  const [oddQueue, sink, steady] = ["odd", "sink", "steady"].map((name) => client.queue(name));
  await using functions = await folder({
    "odd.ts": `
      const odd = [${Object.values(odd).join()}];
      export const config = { queue: "${oddQueue}", concurrency: 1, retry: { attempts: 1 } };
      export default async ({ body }, context) => {
        await context.publish("x", { routingKey: "${sink}", ...odd[Number(body)] });
      };`,
    "sink.ts": `export const config = { queue: "${sink}" }; export default () => {};`,
    "steady.ts": `
      export const config = { queue: "${steady}" };
      export default async ({ body }, context) => {
        await context.publish("x", { routingKey: "${sink}" });
        context.log.info("handled", { steady: body });
      };`,
  });
  await using runner = await startServing({ functionsDir: functions.path, amqpUrl: url });
  for (const [index, what] of Object.keys(odd).entries()) {
    assertEquals(await post(runner, "odd", String(index)), 202);
    assertEquals(await post(runner, "steady", String(index)), 202);
    // Published, or the failure of its own message and of nothing else.
    await eventually(async () => {
      const { completed, failed } = (await seen(runner)).odd.counts;
      return completed + failed === index + 1;
    });
    await runner.waitForLog((line) => line.steady === String(index));
    const trouble = troubleOf(runner).filter((line) => line.level === "error" || line.function !== "odd");
    assertEquals(trouble, [], what);
  }
});
