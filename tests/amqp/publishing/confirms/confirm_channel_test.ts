import { assert, assertEquals, assertThrows } from "@std/assert";
import { openConfirmChannel } from "../../../../lib/amqp/publishing/confirms/confirm_channel.ts";
import { WarrenError } from "../../../../lib/base/errors.ts";
import { eventually } from "../../../support/eventually.ts";
import { HeldChannel } from "../held_channel.ts";

const to = (routingKey: string, size = 1) => ({ exchange: "", routingKey, body: new Uint8Array(size), properties: {} });

/** A confirm channel whose broker does what the test says, and what was told of its messages. */
async function open(options: { window?: number; patience?: number } = {}) {
  const held = new HeldChannel();
  const told: string[] = [];
  let rooms = 0;
  const channel = await openConfirmChannel(held.client, { ...options, onRoom: () => rooms++ });
  const published = ({ routingKey }: { routingKey: string }, error: WarrenError | undefined) =>
    void told.push(`${routingKey} ${error?.code ?? "there"}`);
  return { held, channel, told, sink: { published }, rooms: () => rooms };
}

Deno.test("one confirm is for all up to it, in their order, and for none behind it", async () => {
  const { held, channel, told, sink, rooms } = await open();
  for (const key of ["a", "b", "c"]) channel.send(to(key), true, sink);
  assertEquals([held.sent.map(({ routingKey }) => routingKey), told], [["a", "b", "c"], []]);
  held.confirmUpTo(2);
  assertEquals([told, rooms()], [["a there", "b there"], 1]);
  held.sent[0].confirm();
  held.sent[2].confirm();
  assertEquals(told, ["a there", "b there", "c there"]);
  channel.lose();
});

Deno.test("what is published while others are confirmed is not confirmed with them", async () => {
  const { held, channel, told, sink } = await open();
  channel.send(to("a"), true, { published: () => channel.send(to("next"), true, sink) });
  channel.send(to("b"), true, sink);
  held.confirmUpTo(2);
  assertEquals(told, ["b there"]);
  held.confirmUpTo(3);
  assertEquals(told, ["b there", "next there"]);
  channel.lose();
});

Deno.test("a confirm beyond all that was published is for what was, and what comes later is confirmed as ever", async () => {
  const { held, channel, told, sink } = await open();
  channel.send(to("a"), true, sink);
  held.confirmUpTo(1_000);
  channel.send(to("b"), true, sink);
  held.confirmUpTo(2);
  assertEquals(told, ["a there", "b there"]);
  channel.lose();
});

Deno.test("what the broker refuses now can be tried again, and what no queue takes cannot", async () => {
  const { held, channel, told, sink } = await open();
  for (const key of ["full", "nowhere", "there"]) channel.send(to(key), true, sink);
  held.giveBack("nowhere");
  held.sent[0].refuse();
  held.confirmUpTo(3);
  assertEquals(told, ["full unavailable", "nowhere unroutable", "there there"]);
  channel.lose();
});

Deno.test("an end of the channel is the end of all that is on its way, and nothing is sent after it", async () => {
  const { held, channel, told, sink } = await open();
  for (const key of ["a", "b"]) channel.send(to(key), true, sink);
  held.channel.setClosed(new Error("Socket closed"));
  assertEquals([told, channel.closed], [["a unavailable", "b unavailable"], true]);
  const error = assertThrows(() => channel.send(to("c"), true, sink), WarrenError) as WarrenError;
  assertEquals([error.code, held.sent.length], ["unavailable", 2]);
});

Deno.test("a confirm that does not come in time is the end of waiting, and the message keeps its place", async () => {
  const { held, channel, told, sink } = await open({ window: 1, patience: 3 });
  channel.send(to("late"), true, sink);
  await eventually(() => told.length === 1);
  assertEquals([told, channel.full], [["late unavailable"], true]);
  held.sent[0].confirm();
  assertEquals([told.length, channel.full], [1, false]);
  channel.lose();
});

Deno.test("who waits without a limit is not told of a late confirm", async () => {
  const { held, channel, told, sink } = await open({ patience: 3 });
  channel.publish(to("patient"), true, sink);
  channel.send(to("late"), true, sink);
  await eventually(() => told.length === 1);
  assertEquals(told, ["late unavailable"]);
  held.confirmUpTo(2);
  assertEquals(told, ["late unavailable", "patient there"]);
});

Deno.test("large bodies fill the channel before the window does", async () => {
  const { held, channel, sink } = await open({ window: 100 });
  channel.send(to("small"), true, sink);
  assert(!channel.full);
  channel.send(to("large", 9 * 1024 * 1024), true, sink);
  assert(channel.full);
  held.confirmUpTo(2);
  assert(!channel.full);
  channel.lose();
});

Deno.test("headers that do not fit into a frame are refused, and nothing is sent", async () => {
  const { held, channel, sink } = await open();
  const message = { ...to("a"), properties: { headers: { large: "x".repeat(140_000) as unknown as object } } };
  const error = assertThrows(() => channel.send(message, true, sink), WarrenError) as WarrenError;
  assertEquals([error.code, held.sent.length], ["refused", 0]);
});

Deno.test("nothing is sent while the broker takes no publishes", async () => {
  const { held, channel, sink } = await open();
  Object.assign(held.client, { blocked: "low on memory" });
  const error = assertThrows(() => channel.send(to("a"), true, sink), WarrenError) as WarrenError;
  assertEquals([error.code, held.sent.length], ["unavailable", 0]);
});
