import { assert, assertEquals } from "@std/assert";
import type { FieldTable } from "../../../lib/broker/protocol/table.ts";
import { field, type FieldInput, type PropertiesInput } from "../../support/amqp/raw_codec.ts";
import { eventually } from "../../support/eventually.ts";
import { makeMessage } from "../messages.ts";
import { Host } from "../virtual_host.ts";

const TO_DEAD = { "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead" };

/** Publishes to a queue, takes the message and rejects it. */
function rejectOne(host: Host, name: string, properties: PropertiesInput = {}, routingKey = name): void {
  const queue = host.vhost.queue(name)!;
  queue.publish(makeMessage("body", properties, { exchange: "x", routingKey }));
  queue.reject(queue.get()!);
}

function deathsOf(headers: FieldTable): FieldTable[] {
  return headers["x-death"] as FieldTable[];
}

Deno.test("a dead letter says where it died, why and how often, and keeps its own headers", () => {
  using host = new Host();
  host.queue("q", TO_DEAD);
  host.queue("dead");
  rejectOne(host, "q", { headers: { mine: field("s", 5) }, expiration: "60000" }, "key");
  const [{ body, headers, exchange, routingKey }] = host.drain("dead");
  assertEquals([body, exchange, routingKey, headers.mine], ["body", "", "dead", 5]);
  const firsts = ["reason", "queue", "exchange"].map((what) => headers[`x-first-death-${what}`]);
  assertEquals(firsts, ["rejected", "q", "x"]);
  const [death, ...others] = deathsOf(headers);
  assertEquals(others, []);
  const { count, reason, queue, "routing-keys": keys, "original-expiration": expiration, time } = death;
  assertEquals([count, reason, queue, keys, expiration], [1, "rejected", "q", ["key"], "60000"]);
  assert(time instanceof Date);
});

Deno.test("neighbours that die together each keep their own headers and body, and one with an expiration its own note", () => {
  using host = new Host();
  host.queue("q", TO_DEAD);
  host.queue("dead");
  for (const n of [0, 1, 2, 3]) {
    const properties = { headers: { n: field("I", n) }, expiration: n === 1 ? "60000" : undefined, priority: n };
    rejectOne(host, "q", properties, n === 3 ? "other" : "key");
  }
  const dead = host.drain("dead");
  assertEquals(dead.map(({ body, headers }) => [body, headers.n]), [0, 1, 2, 3].map((n) => ["body", n]));
  assertEquals(
    dead.map(({ headers }): unknown[] => {
      const [{ count, reason, queue, "routing-keys": keys, "original-expiration": expiration }] = deathsOf(headers);
      return [count, reason, queue, keys, expiration];
    }),
    ["key", "key", "key", "other"].map((key, n) => [1, "rejected", "q", [key], n === 1 ? "60000" : undefined]),
  );
});

Deno.test("the same death again is counted, and another one comes before it", () => {
  using host = new Host();
  host.queue("a", { "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "b" });
  host.queue("b", { "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "a" });
  const [a, b] = ["a", "b"].map((name) => host.vhost.queue(name)!);
  a.publish(makeMessage("body"));
  for (let round = 0; round < 3; round++) {
    a.reject(a.get()!);
    b.reject(b.get()!);
  }
  const [{ headers }] = host.drain("a");
  assertEquals(deathsOf(headers).map(({ queue, count }) => [queue, count]), [["b", 3], ["a", 3]]);
  assertEquals(headers["x-first-death-queue"], "a");
});

Deno.test("without a key of its own a dead letter keeps its keys, and goes to all of them", () => {
  using host = new Host();
  host.queue("q", { "x-dead-letter-exchange": "" });
  host.queue("one");
  host.queue("two");
  rejectOne(host, "q", { headers: { CC: ["two"] } }, "one");
  const [one, two] = [host.drain("one"), host.drain("two")];
  assertEquals([one.length, two.length, one[0].routingKey], [1, 1, "one"]);
  assertEquals(deathsOf(one[0].headers)[0]["routing-keys"], ["one", "two"]);
});

Deno.test("what expires in a circle is dropped, and what is rejected goes round", async () => {
  using host = new Host();
  host.queue("a", { "x-message-ttl": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "b" });
  host.queue("b", { "x-message-ttl": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "a" });
  host.vhost.queue("a")!.publish(makeMessage("body"));
  await eventually(() => host.vhost.queue("a")!.messageCount + host.vhost.queue("b")!.messageCount === 0);
});

Deno.test("a queue that is its own dead-letter queue drops what expires there", async () => {
  using host = new Host();
  host.queue("q", { "x-message-ttl": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "q" });
  host.vhost.queue("q")!.publish(makeMessage("body"));
  await eventually(() => host.vhost.queue("q")!.messageCount === 0);
});

Deno.test("a long chain of dead letters is no deep stack", () => {
  using host = new Host();
  const LENGTH = 200;
  for (let index = 0; index < LENGTH; index++) {
    host.queue(`${index}`, {
      "x-max-length": 0,
      "x-dead-letter-exchange": "",
      "x-dead-letter-routing-key": `${index + 1}`,
    });
  }
  host.queue(`${LENGTH}`);
  host.vhost.queue("0")!.publish(makeMessage("body"));
  assertEquals(deathsOf(host.drain(`${LENGTH}`)[0].headers).length, LENGTH);
});

Deno.test("whatever a client puts where deaths are, a dead letter is made of it", () => {
  using host = new Host();
  host.queue("q", TO_DEAD);
  host.queue("dead");
  const mine = { queue: "q", reason: "rejected" };
  const odd: FieldInput[] = [
    "text",
    [],
    ["text", 1, null, [1]],
    [{}],
    [{ ...mine, count: "many" }],
    [{ ...mine, count: 1.5 }],
    [{ ...mine, count: field("d", NaN) }],
    [{ ...mine, count: { a: 1 } }],
    [{ ...mine, count: 2n ** 62n }],
    [{ ...mine, time: field("T", 2n ** 64n - 1n) }],
    [{ queue: "other", reason: 7, count: 2.5 }, { ...mine, count: 4 }],
  ];
  for (const deaths of odd) rejectOne(host, "q", { headers: { "x-death": deaths } });
  const counts = host.drain("dead").map(({ headers }) => deathsOf(headers)[0].count);
  assertEquals(counts, [1, 1, 1, 1, 1, 1, 1, 1, 2n ** 62n + 1n, 1, 5]);
});
