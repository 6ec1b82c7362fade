import { assertEquals, assertRejects } from "@std/assert";
import type { PublishSink } from "../../../lib/amqp/publishing/confirms/confirm_channel.ts";
import type { OutgoingMessage } from "../../../lib/amqp/publishing/confirms/outgoing_message.ts";
import type { PublishOptions } from "../../../lib/amqp/publishing/publisher.ts";
import { TracedPublisher } from "../../../lib/amqp/publishing/traced_publisher.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import type { Tracing } from "../../../lib/invocation/tracing/tracing.ts";

const MESSAGE: OutgoingMessage = {
  exchange: "",
  routingKey: "orders",
  body: new Uint8Array(),
  properties: { messageId: "m", headers: { tenant: "t", traceparent: "above" } },
};

interface Setting {
  sampled?: boolean;
  /** Whether it can send at once. */
  ready?: boolean;
  error?: WarrenError;
}

/** A publisher and the spans of what it publishes, which note what happens. */
function traced({ sampled = true, ready = true, error }: Setting = {}) {
  const events: unknown[] = [];
  const publisher = {
    publish: (message: OutgoingMessage, options?: PublishOptions) => {
      events.push([message.properties, options]);
      return error ? Promise.reject(error) : Promise.resolve();
    },
    send: (message: OutgoingMessage, options: PublishOptions, sink: PublishSink) => {
      if (!ready) return false;
      events.push([message.properties, options]);
      queueMicrotask(() => sink.published(message, error));
      return true;
    },
  };
  const tracing: Tracing = {
    begin: (_, invocation) => invocation,
    leave: () => {},
    publish: ({ headers }) => {
      events.push(`below ${headers.traceparent}`);
      return sampled ? { traceparent: "span", end: (error) => void events.push(["end", error]) } : undefined;
    },
  };
  return { events, publisher: new TracedPublisher(publisher, tracing) };
}

Deno.test("the span of a publish is in the message's headers, and ends with the confirm", async () => {
  const { events, publisher } = traced();
  await publisher.publish(MESSAGE, { channel: "c" });
  const properties = { messageId: "m", headers: { tenant: "t", traceparent: "span" } };
  assertEquals(events, ["below above", [properties, { channel: "c" }], ["end", undefined]]);
  assertEquals(MESSAGE.properties.headers, { tenant: "t", traceparent: "above" });
});

Deno.test("a publish that fails ends its span with the error", async () => {
  const error = new WarrenError("unroutable", "no queue takes it");
  const { events, publisher } = traced({ error });
  await assertRejects(() => publisher.publish(MESSAGE), WarrenError, "no queue");
  assertEquals(events.at(-1), ["end", error]);
});

Deno.test("a message of a trace that is not sampled is published as it is", async () => {
  const { events, publisher } = traced({ sampled: false });
  await publisher.publish(MESSAGE);
  assertEquals(events, ["below above", [MESSAGE.properties, undefined]]);
});

Deno.test("a message that is sent at once comes back to who sent it as it was", async () => {
  for (const error of [undefined, new WarrenError("unavailable", "the connection was lost")]) {
    const { events, publisher } = traced({ error });
    const end = Promise.withResolvers<unknown[]>();
    const sink: PublishSink = { published: (...given) => end.resolve(given) };
    assertEquals(publisher.send(MESSAGE, { channel: "c" }, sink), true);
    assertEquals(await end.promise, [MESSAGE, error]);
    const properties = { messageId: "m", headers: { tenant: "t", traceparent: "span" } };
    assertEquals(events, ["below above", [properties, { channel: "c" }], ["end", error]]);
  }
});

Deno.test("a message that could not be sent at once leaves no span", () => {
  const { events, publisher } = traced({ ready: false });
  const sink: PublishSink = { published: () => void events.push("published") };
  assertEquals([publisher.send(MESSAGE, {}, sink), events], [false, ["below above"]]);
});
