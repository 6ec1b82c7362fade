import { assertEquals, assertRejects } from "@std/assert";
import type { PublishSink } from "../../../lib/amqp/publishing/confirms/confirm_channel.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import { HeldBack } from "../../../lib/amqp/depth/held_back.ts";
import type { OutgoingMessage } from "../../../lib/amqp/publishing/confirms/outgoing_message.ts";

function message(exchange: string, routingKey: string): OutgoingMessage {
  return { exchange, routingKey, body: new Uint8Array(), properties: {} };
}

Deno.test("what is held back is counted by delay until it comes back", () => {
  let now = 1_000;
  const heldBack = new HeldBack(() => now);
  heldBack.add("pay", 1_000);
  heldBack.add("pay", 1_000);
  heldBack.add("pay", 60_000);
  heldBack.add("ship", 1_000);
  assertEquals([...heldBack.counts("pay")], [[1_000, 2], [60_000, 1]]);
  assertEquals(heldBack.all(), [
    { queue: "pay", delay: 1_000, count: 2 },
    { queue: "pay", delay: 60_000, count: 1 },
    { queue: "ship", delay: 1_000, count: 1 },
  ]);
  now += 1_000;
  assertEquals([...heldBack.counts("pay")], [[60_000, 1]]);
  assertEquals([...heldBack.counts("ship")], []);
  now += 60_000;
  assertEquals([...heldBack.counts("pay")], []);
});

Deno.test("a hundred thousand retries of one delay are a few steps, and end when they are due, not before", () => {
  let now = 0;
  const heldBack = new HeldBack(() => now);
  for (; now < 100_000; now++) heldBack.add("pay", 64_000);
  // The last 64 s of them, give or take one step.
  const [count] = heldBack.counts("pay").values();
  assertEquals(Math.abs(count - 64_000) <= 1_000, true, `found ${count}`);
});

Deno.test("a publisher counts what goes to a retry queue, once it is confirmed, and nothing else", async () => {
  const heldBack = new HeldBack(() => 0);
  let refusal: Error | undefined = undefined;
  const publisher = heldBack.counting({
    publish: (_: OutgoingMessage) => refusal ? Promise.reject(refusal) : Promise.resolve(),
    send: () => false,
  });
  await publisher.publish(message("warren.retry.5000", "pay"));
  await publisher.publish(message("", "pay"));
  await publisher.publish(message("warren.dispatch", "pay"));
  refusal = new Error("no");
  await assertRejects(() => publisher.publish(message("warren.retry.5000", "pay")), Error, "no");
  assertEquals([...heldBack.counts("pay")], [[5_000, 1]]);
});

Deno.test("what is sent at once is counted once its confirm comes, and whoever sent it hears of that", () => {
  const heldBack = new HeldBack(() => 0);
  const sent: PublishSink[] = [];
  const publisher = heldBack.counting({
    publish: () => Promise.resolve(),
    send: (_message, _options, sink) => sent.push(sink) > 0,
  });
  const heard: (string | undefined)[] = [];
  const sink: PublishSink = { published: (_message, error) => void heard.push(error?.code) };
  const retry = message("warren.retry.5000", "pay");
  for (const each of [retry, retry, message("", "pay")]) publisher.send(each, {}, sink);
  assertEquals([...heldBack.counts("pay")], []);
  sent[0].published(retry, undefined);
  sent[1].published(retry, new WarrenError("unavailable", "no"));
  sent[2].published(message("", "pay"), undefined);
  assertEquals([[...heldBack.counts("pay")], heard], [[[5_000, 1]], [undefined, "unavailable", undefined]]);
});
