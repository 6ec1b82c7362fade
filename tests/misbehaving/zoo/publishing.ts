import type { Animal } from "../animal.ts";

/** Those that publish what they may not, or too much. */
export const PUBLISHING: readonly Animal[] = [
  {
    does: "publishes more messages than one invocation may",
    handler: `for (let i = 0; i < 10_001; i++) await context.publish("x", { routingKey: "q" });`,
    ends: "failed",
    because: "at most 10000 messages",
  },
  {
    does: "publishes ten thousand messages and returns",
    handler: 'for (let i = 0; i < 10_000; i++) context.publish("x", { routingKey: "q" }).catch(() => {});',
    ends: "completed",
  },
  {
    does: "publishes a gigabyte",
    handler: `
      for (let i = 0; i < 64; i++) await context.publish(new Uint8Array(16 * 1024 * 1024).fill(i), { routingKey: "q" });`,
    ends: "failed",
    because: "at most 10000 messages with 67108864 bytes",
  },
  {
    does: "publishes more bytes than a message may have",
    handler: "await context.publish(new Uint8Array(16 * 1024 * 1024 + 1), { routingKey: 'q' });",
    ends: "failed",
    because: "beyond the limit",
  },
  {
    does: "publishes where its config does not let it",
    handler: "await context.publish('x', { exchange: 'shop', routingKey: 'b' });",
    config: { publish: ["a", "shop/a.*"] },
    ends: "failed",
    because: 'may not publish to "shop/b"',
  },
  {
    does: "publishes to Warren's own exchange",
    handler: "await context.publish('x', { exchange: 'warren.retry', routingKey: 'b' });",
    ends: "failed",
    because: "which is Warren's own",
  },
  {
    does: "publishes to an exchange that is no text",
    handler: "await context.publish('x', { exchange: { toString: 1 }, routingKey: 'b' });",
    ends: "failed",
    because: "may not publish to an exchange",
  },
  {
    does: "publishes to a route that is too long",
    handler: "await context.publish('x', { routingKey: 'b'.repeat(256) });",
    ends: "failed",
    because: "may not publish with a routing key",
  },
  { does: "publishes without options", handler: "await context.publish('x');", ends: "failed", because: "routingKey" },
  {
    does: "publishes nothing that can be a body",
    handler: "await context.publish(() => {}, { routingKey: 'b' });",
    ends: "failed",
    because: "it has no form in JSON",
  },
  {
    does: "publishes with a property of the wrong type",
    handler: "await context.publish('x', { routingKey: 'b', priority: 'high' });",
    ends: "failed",
    because: "may not publish with priority",
  },
  ...[1, 2].map((times): Animal => ({
    does: `publishes with a header that throws after ${times} read(s)`,
    handler: `
      let reads = 0;
      const headers = { get a() { if (reads++ >= ${times}) throw new Error("not again"); return "a"; } };
      await context.publish("x", { routingKey: "b", headers });`,
    ends: "failed",
    because: "cannot be published: not again",
  })),
  {
    does: "publishes with a property that there is not",
    handler: "await context.publish('x', { routingKey: 'b', mandatory: false });",
    ends: "failed",
    because: 'unknown property "mandatory"',
  },
  {
    does: "publishes a header that is a function",
    handler: "await context.publish('x', { routingKey: 'b', headers: { call() {} } });",
    ends: "failed",
    because: "could not be cloned",
  },
  {
    does: "publishes a property that is a symbol, and does not wait",
    handler: "context.publish('x', { routingKey: 'b', type: Symbol() }).catch(() => {});",
    ends: "completed",
  },
  {
    does: "publishes headers that contain themselves",
    handler: "const headers = {}; headers.round = headers; await context.publish('x', { routingKey: 'b', headers });",
    ends: "failed",
    because: "headers",
  },
  {
    does: "publishes headers of a megabyte",
    handler: "await context.publish('x', { routingKey: 'b', headers: { big: 'h'.repeat(2 ** 20) } });",
    ends: "failed",
    because: "headers",
  },
  {
    does: "publishes headers that throw when they are read",
    handler: "await context.publish('x', { routingKey: 'b', headers: { get a() { throw new Error('unread'); } } });",
    ends: "failed",
    because: "unread",
  },
  {
    does: "publishes after it returned",
    handler: "setTimeout(() => context.publish('late', { routingKey: 'b' }), 10);",
    ends: "completed",
  },
];
