import type { Animal } from "../animal.ts";

/** Those that change what everybody in their process uses: they harm themselves, and nobody else. */
export const MEDDLING: readonly Animal[] = [
  {
    does: "replaces Promise",
    handler: "globalThis.Promise = class { constructor() { throw new Error('no promises'); } };",
    ends: "completed",
  },
  {
    does: "replaces Promise before it fails",
    handler: "globalThis.Promise = class {}; await null; throw new Error('after all');",
    ends: "failed",
    because: "after all",
  },
  {
    does: "breaks Promise.prototype.then",
    handler: "Promise.prototype.then = () => { throw new Error('no then'); };",
    config: { timeout: 1_000 },
    ends: "completed",
  },
  {
    does: "breaks Array.prototype",
    handler:
      "for (const name of ['push', 'concat', 'splice', 'map']) Array.prototype[name] = () => { throw new Error('no ' + name); };",
    config: { timeout: 300 },
    ends: ["crashed", "timedOut"],
  },
  {
    does: "breaks the iteration of arrays",
    handler: "Array.prototype[Symbol.iterator] = function* () {};",
    config: { timeout: 1_000 },
    ends: ["completed", "timedOut"],
    after: "timedOut",
  },
  {
    does: "breaks JSON",
    handler: "JSON.parse = JSON.stringify = () => { throw new Error('no JSON'); };",
    ends: "completed",
    after: "undecodable",
    finally: "undecodable",
  },
  {
    does: "says how every array is written in JSON",
    handler: "Array.prototype.toJSON = () => 'an array';",
    ends: "crashed",
    because: "broke the protocol",
  },
  {
    does: "gives every object a property",
    handler:
      "Object.prototype.length = 7; Object.prototype.then = (go) => go('polluted'); Object.prototype.failure = 1;",
    // Nothing of ours is awaited as an object would be: what is in its prototype changes nothing.
    ends: "completed",
  },
  {
    does: "gives every object a setter that throws",
    handler: `
      for (const key of ["id", "kind", "0", "value", "get", "set"]) {
        Object.defineProperty(Object.prototype, key, { get() { throw 1; }, set() { throw 1; }, configurable: true });
      }`,
    config: { timeout: 300 },
    ends: ["crashed", "timedOut"],
  },
  {
    does: "breaks Uint8Array.prototype",
    handler:
      "for (const name of ['subarray', 'slice', 'set']) Uint8Array.prototype[name] = () => { throw new Error('no bytes'); };",
    config: { timeout: 300 },
    ends: "crashed",
  },
  {
    does: "breaks Map.prototype",
    handler: "for (const name of ['get', 'set', 'delete']) Map.prototype[name] = () => { throw new Error('no map'); };",
    ends: "completed",
  },
  {
    does: "replaces what is in Deno, and Deno itself",
    handler: `
      for (const name of Object.keys(Deno)) {
        try {
          Object.defineProperty(Deno, name, { value: () => { throw new Error("no Deno"); } });
        } catch {}
      }
      globalThis.Deno = undefined;`,
    ends: "failed",
    because: "read only property",
  },
  {
    does: "takes the timers away",
    handler:
      "for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']) globalThis[name] = () => {};",
    ends: "completed",
  },
  {
    does: "replaces what its connection writes with",
    module: `
      const { write } = Deno.UnixConn?.prototype ?? {};
      export default ({ body }) => {
        if (body !== "misbehave") return;
        if (Deno.UnixConn) Deno.UnixConn.prototype.write = () => Promise.resolve(0);
      };`,
    config: { timeout: 1_000 },
    ends: "completed",
  },
  {
    does: "listens to every event of its process, and stops each",
    handler: `
      for (const type of ["unhandledrejection", "error", "beforeunload", "unload"]) {
        addEventListener(type, (event) => { event.preventDefault(); event.stopImmediatePropagation(); }, true);
      }
      Promise.reject(new Error("hidden"));`,
    ends: "completed",
  },
  {
    does: "replaces its default export later",
    module: `
      let handler = ({ body }) => {
        if (body === "misbehave") handler = () => { throw new Error("another one"); };
      };
      export { handler as default };`,
    ends: "completed",
  },
  {
    does: "freezes its message",
    handler:
      "const freeze = (value) => { Object.freeze(value); Object.values(value).forEach((inner) => inner && typeof inner === 'object' && !ArrayBuffer.isView(inner) && freeze(inner)); }; freeze(message);",
    ends: "completed",
  },
  {
    does: "changes its message",
    handler: "message.raw.fill(0); message.properties.messageId = {}; message.headers = null; message.attempt = 99;",
    ends: "completed",
  },
  {
    does: "takes the methods of its context away",
    handler: `
      const prototype = Object.getPrototypeOf(context);
      for (const name of ["publish", "abort", "log", "signal", "deadline"]) delete prototype[name];
      delete context.log;`,
    ends: "completed",
  },
  {
    does: "aborts its own signal, whoever listens",
    handler: "context.abort?.('mine'); context.signal.dispatchEvent(new Event('abort'));",
    ends: "completed",
  },
];
