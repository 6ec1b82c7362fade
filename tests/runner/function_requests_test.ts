import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import type { OutgoingMessage } from "../../lib/amqp/publishing/confirms/outgoing_message.ts";
import type { Reply } from "../../lib/amqp/publishing/replies.ts";
import { WarrenError } from "../../lib/base/errors.ts";
import type { Entry } from "../../lib/runner/function_registry.ts";
import { FunctionRequests } from "../../lib/runner/function_requests.ts";
import { InvalidBody } from "../../lib/invocation/content/invalid_body.ts";
import type { FunctionConfig } from "../../lib/mod.ts";
import { broken, FakeServed, loaded } from "../fake_served.ts";

const REQUEST = { body: new Uint8Array([1]), messageId: "m" };
const PATIENCE = { wait: 1_000, gone: new AbortController().signal };

/** Requests for a function "a" that serves, and what was published. */
function requestsFor(config: FunctionConfig = {}) {
  const found = loaded("a", "1", config);
  if ("error" in found) throw new Error(found.error);
  const served = new FakeServed(found);
  served.start();
  const entries = new Map<string, Entry>([
    ["a", { loaded: found, served, error: undefined }],
    ["broken", { loaded: broken("broken", "wrong"), served: undefined, error: "wrong" }],
  ]);
  const published: OutgoingMessage[] = [];
  const held: [queue: string, delay: number][] = [];
  const at = { consumers: 0 as number | undefined, answer: Promise.resolve<Reply | undefined>(undefined) };
  const requests = new FunctionRequests({
    functions: entries,
    publisher: { publish: (message) => Promise.resolve(void published.push(message)) },
    held: { publish: (message, delay) => Promise.resolve(void held.push([message.routingKey, delay])) },
    replies: {
      request: async ({ gone }, publish) => {
        await publish({ replyTo: "answers", correlationId: "1" });
        const nobody = new Promise<undefined>((resolve) => gone.addEventListener("abort", () => resolve(undefined)));
        return await Promise.race([at.answer, nobody]);
      },
    },
    consumers: () => Promise.resolve(at.consumers),
    interval: 1,
  });
  return { requests, served, published, held, at };
}

Deno.test("a request is a persistent message in the function's queue", async () => {
  const { requests, published } = requestsFor({ queue: "q" });
  await requests.publish("a", { ...REQUEST, contentType: "text/plain" });
  const [{ exchange, routingKey, body, properties }] = published;
  assertEquals([exchange, routingKey, body], ["", "q", REQUEST.body]);
  const { deliveryMode, messageId, contentType, replyTo } = properties ?? {};
  assertEquals([deliveryMode, messageId, contentType, replyTo], [2, "m", "text/plain", undefined]);
});

Deno.test("a request with a delay is held back, one with a priority has it", async () => {
  const { requests, published, held } = requestsFor({ queue: "q" });
  await requests.publish("a", { ...REQUEST, delay: 2_000 });
  await requests.publish("a", { ...REQUEST, delay: 0, priority: 3 });
  assertEquals(held, [["q", 2_000]]);
  assertEquals(published.map(({ properties }) => properties.priority), [3]);
});

Deno.test("a function that is not bound, or gone, gets no message, and the reason is said", async () => {
  const { requests, published } = requestsFor();
  const why = async (name: string) => (await assertRejects(() => requests.publish(name, REQUEST), WarrenError)).message;
  assertEquals(await why("broken"), 'function "broken" is broken: wrong; it is not bound to a queue');
  assertEquals(await why("none"), 'function "none" is gone; it is not bound to a queue');
  assertEquals(published, []);
});

Deno.test("a paused function's queue takes messages", async () => {
  const { requests, served, published } = requestsFor();
  await served.pause("here", "paused in this runner");
  await requests.publish("a", REQUEST);
  assertEquals(published.length, 1);
});

Deno.test("what the function can tell is wrong already is not published", async () => {
  const { requests, served, published } = requestsFor({ envelope: "cloudevents" });
  served.failure = { type: "InvalidEvent", message: "it has no id" };
  const error = await assertRejects(() => requests.publish("a", REQUEST));
  assertInstanceOf(error, InvalidBody);
  assertEquals([error.failure, published], [served.failure, []]);
});

Deno.test("a caller who waits gets the answer, and the message says where it goes", async () => {
  const { requests, at, published } = requestsFor();
  const reply = { outcome: "completed", body: new Uint8Array([2]), contentType: undefined };
  at.answer = Promise.resolve(reply);
  assertEquals(await requests.request("a", REQUEST, PATIENCE), reply);
  assertEquals([published[0].properties?.replyTo, published[0].properties?.correlationId], ["answers", "1"]);
});

Deno.test("nobody waits for a function that no runner consumes, and nothing is published", async () => {
  const { requests, served, published } = requestsFor();
  await served.pause("here", "paused in this runner");
  served.detail = "paused by hand";
  const error = await assertRejects(() => requests.request("a", REQUEST, PATIENCE), WarrenError);
  assertEquals(error.message, 'function "a" is paused: by hand; nothing was published');
  assertEquals([error.code, published], ["unavailable", []]);
});

Deno.test("a function that is paused here is asked where another runner consumes it, or that is not known", async () => {
  for (const consumers of [1, undefined]) {
    const { requests, served, at, published } = requestsFor();
    await served.pause("here", "paused in this runner");
    at.consumers = consumers;
    await requests.request("a", REQUEST, PATIENCE);
    assertEquals(published.length, 1);
  }
});

Deno.test("callers learn at once that the function they wait for was paused", async () => {
  const { requests, served, at, published } = requestsFor();
  at.answer = new Promise(() => {});
  const waiting = requests.request("a", REQUEST, PATIENCE);
  await served.pause("here", "paused in this runner");
  const error = await assertRejects(() => waiting, WarrenError);
  assertEquals(error.message, 'function "a" is paused: in this runner; message m stays in its queue');
  assertEquals(published.length, 1);
});

Deno.test("a paused function that still runs something may answer yet", async () => {
  const { requests, served, at } = requestsFor();
  const answer = Promise.withResolvers<Reply>();
  at.answer = answer.promise;
  const waiting = requests.request("a", REQUEST, PATIENCE);
  await served.pause("here", "paused in this runner");
  served.running = 1;
  const looked = new Promise<void>((resolve) => {
    // The watch asks how many run each time that it looks.
    let looks = 0;
    Object.defineProperty(served, "running", { get: () => (++looks === 3 && resolve(), 1) });
  });
  await looked;
  const reply = { outcome: "completed", body: new Uint8Array(), contentType: undefined };
  answer.resolve(reply);
  assertEquals(await waiting, reply);
});
