import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { Cage, failureOf } from "./cage.ts";

/**
 * A function whose process says what the test wants: the bytes of the next frame are others than its writer thinks.
 * `forge` is an expression that is all of them: `frame()` puts the length before. It has to fit into the socket.
 */
function forging(forge: string): string {
  return `
    import { serialize } from "node:v8";
    const { subarray } = Uint8Array.prototype;
    const frame = (messages) => {
      const payload = messages instanceof Uint8Array ? messages : serialize(messages);
      const whole = new Uint8Array(payload.length + 4);
      new DataView(whole.buffer).setUint32(0, payload.length);
      whole.set(payload, 4);
      return whole;
    };
    function sendInstead(bytes) {
      Uint8Array.prototype.subarray = function (...range) {
        if (range.length !== 1 || this.constructor !== Uint8Array) return subarray.apply(this, range);
        Uint8Array.prototype.subarray = subarray;
        // Never shorter than what is thought to be written.
        const padded = new Uint8Array(bytes.length + this.length);
        padded.set(bytes);
        padded.set(this, bytes.length);
        return padded;
      };
    }
    export default async ({ body }, context) => {
      if (body === "wait") {
        context.log.info("begun", { said: true });
        await new Promise((go) => context.signal.addEventListener("abort", go));
      }
      if (body !== "forge") return;
      sendInstead(${forge});
      context.log.info("forged");
      await new Promise(() => {});
    };`;
}

const NO_MESSAGES: Record<string, string> = {
  "a length beyond all bounds": "new Uint8Array([255, 255, 255, 255])",
  "bytes that v8 cannot read": "frame(new Uint8Array([1, 2, 3, 4]))",
  "a frame that is no array": 'frame("text")',
  "messages that are nothing": "frame([null])",
  "messages that are text": 'frame(["ready"])',
  "a schema that is no text": 'frame([["ready", { type: "object" }]])',
  "a schema that is no JSON": 'frame([["ready", "{"]])',
  "a schema that is no object": 'frame([["ready", "[]"]])',
  "a schema beyond all bounds": 'frame([["ready", JSON.stringify({ a: "a".repeat(65_536) })]])',
  "a schema without a floor": `frame([["ready", '{"a":'.repeat(101) + "1" + "}".repeat(101)]])`,
  "an array that claims four thousand million messages": "frame(new Array(2 ** 32 - 1))",
  "an operation that there is not": 'frame([["restart"]])',
  "a message to a function": 'frame([["ping"], ["abort", 1, "x"]])',
  "a result of an unknown kind": 'frame([["result", 1, "abandoned", { type: "T", message: "m" }]])',
  "a result without a failure": 'frame([["result", 1, "failed"]])',
  "a failure that is no text": 'frame([["result", 1, "failed", { type: 1, message: {} }]])',
  "a retry before all time": 'frame([["result", 1, "failed", { type: "T", message: "m" }, -1]])',
  "a retry after all time": 'frame([["result", 1, "failed", { type: "T", message: "m" }, Infinity]])',
  "an end of four thousand million messages": 'frame([["done", new Array(2 ** 32 - 1)]])',
  "a log line that is no text": 'frame([["log", 1, "info", { toString: 1 }, undefined]])',
  "fields that are no text": 'frame([["log", 1, "info", "text", { a: 1 }]])',
  "a key that is no text": 'frame([["once", 1, 1, { toString: 1 }]])',
  "an empty key": 'frame([["once", 1, 1, ""]])',
  "a key beyond all bounds": 'frame([["once", 1, 1, "k".repeat(513)]])',
  "a key that is no Unicode": 'frame([["once", 1, 1, "\\ud800"]])',
  "a key for no invocation": 'frame([["once", "1", 1, "k"]])',
  "a call without a number": 'frame([["once", 1, NaN, "k"]])',
  "one call twice": 'frame([["once", 1, 1, "k"], ["once", 1, 1, "k"]])',
  "a value that is no text": 'frame([["once", 1, 1, "k"], ["onceDone", 1, 1, { a: 1 }]])',
  "a value beyond all bounds": 'frame([["once", 1, 1, "k"], ["onceDone", 1, 1, "ä".repeat(4e4)]])',
  "an effect that failed without a number": 'frame([["onceFailed", 1]])',
  "time without end": 'frame([["early", 1, Infinity]])',
  "a drop of no invocation": 'frame([["dropped", "1"]])',
  "time for no invocation": 'frame([["early", "1", 1]])',
  "a publication without a number": 'frame([["publish", 1, "one", "", "q", new Uint8Array(0), {}, {}]])',
};

Deno.test("a process that breaks the protocol is ended, at once and alone", async (t) => {
  for (const [what, forge] of Object.entries(NO_MESSAGES)) {
    await t.step(`with ${what}`, async () => {
      await using cage = await Cage.make(forging(forge), { store: new MemoryStore() });
      await cage.sandbox.warm();
      const began = performance.now();
      assertStringIncludes(failureOf(await cage.run("forge"), "crashed").message, "it broke the protocol");
      assert(performance.now() - began < 3_000);
      assertEquals((await cage.run()).kind, "completed");
    });
  }
});

Deno.test("no process settles what runs in another, of its own function or not", async () => {
  const everything = `[
    ...Array.from({ length: 50 }, (_, id) => ["result", id, "rejected", { type: "Forged", message: "forged" }]),
    ["done", Array.from({ length: 50 }, (_, id) => id)],
  ]`;
  await using cage = await Cage.make(forging(`frame(${everything})`), { config: { instances: 2 } });
  const waiting = cage.run("wait");
  await eventually(() => cage.said.length === 1, { timeout: 30_000 });
  // It settles itself, which it may.
  assertEquals(failureOf(await cage.run("forge"), "rejected").type, "Forged");
  let settled = false;
  void waiting.finally(() => settled = true);
  assertEquals((await cage.run()).kind, "completed");
  assert(!settled);
  await cage.sandbox.abort(10_000);
  assertEquals((await waiting).kind, "completed");
});

Deno.test("a process says once which bodies its function takes, when it has loaded it", async () => {
  await using cage = await Cage.make(forging(`frame([["ready", '{"forged":true}'], ["done", [1]]])`));
  assertEquals((await cage.run("forge")).kind, "completed");
  assertEquals(cage.sandbox.inputSchema, undefined);
});

Deno.test("a forged failure is cut to what fits", async () => {
  const huge = '{ type: "t".repeat(1e3), message: "m".repeat(1e4), stack: "s".repeat(1e4), more: 1 }';
  await using cage = await Cage.make(forging(`frame([["result", 1, "failed", ${huge}]])`));
  const failure = failureOf(await cage.run("forge"), "failed");
  assertEquals([failure.type.length, failure.message.length, failure.stack?.length], [128, 2_048, 8_192]);
  assertEquals(Object.keys(failure).sort(), ["message", "stack", "type"]);
});

Deno.test("forged log fields are shown, and are nothing else", async () => {
  const lines = [
    '["log", 1, "info", "proto", \'{"__proto__":{"level":"error"},"message":"other","time":1}\']',
    '["log", 1, "info", "no json", "{"]',
    '["log", 1, "info", "array", "[1]"]',
    '["log", 1, "silent", "silent", undefined]',
    '["log", 1, "loud", "loud", "null"]',
    '["log", 1, "info", "long", "x".repeat(7e4)]',
    '["log", NaN, "info", "number", undefined]',
  ];
  await using cage = await Cage.make(forging(`frame([${lines.join()}, ["done", [1]]])`));
  assertEquals((await cage.run("forge")).kind, "completed");
  // The last is the frame that was to be sent, behind the forged one.
  const shown = ["proto", "no json", "array", "loud", "long", "number", "forged"];
  assertEquals(cage.lines.map(({ message }) => message), shown);
  for (const line of cage.lines) assertEquals(line.level, "info");
  assertEquals(cage.line("silent"), undefined);
  assert(JSON.stringify(cage.lines).length < 10_000);
});

Deno.test("headers with the names of what every object has reach the handler as headers, and nothing else", async () => {
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "then"];
  const headers = JSON.parse(`{${names.map((name) => `"${name}": { "polluted": true }`).join()}}`);
  const properties = JSON.parse('{ "contentType": "application/json", "__proto__": { "polluted": true } }');
  const module = `
    export default async ({ headers, properties }, context) => {
      if ({}.polluted || headers.polluted || properties.polluted) throw new Error("polluted");
      await context.publish(Object.keys(headers), { routingKey: "names", headers });
    };`;
  await using cage = await Cage.make(module);
  assertEquals(await cage.run(null, { headers, properties }), { kind: "completed" });
  assertEquals(cage.said, [JSON.stringify(names)]);
  assertEquals(Object.keys(cage.published[0].headers), names);
  assertEquals(({} as Record<string, unknown>).polluted, undefined);
});

Deno.test("no forged word about effects reaches another process, or a key of another function", async () => {
  const store = new MemoryStore();
  await store.claim("other/k", "another", 60_000);
  const words = `[
    ["onceDone", 1, 7, '"forged"'], ["onceFailed", 1, 7],
    ["once", 99, 1, "k"], ["onceDone", 99, 1, '"forged"'],
    ["once", 1, 2, "other/k"], ["once", 1, 3, "../other/k"], ["onceDone", 1, 3, '"forged"'],
    ["done", [1]],
  ]`;
  await using cage = await Cage.make(forging(`frame(${words})`), { store });
  assertEquals((await cage.run("forge")).kind, "completed");
  await cage.sandbox.close();
  assertEquals(store.keys.filter((key) => !key.startsWith("function/")), ["other/k"]);
  assertEquals((await store.claim("other/k", "me", 1)).kind, "held");
});
