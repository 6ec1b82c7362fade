import type { Animal } from "../animal.ts";

const QUICK = { timeout: 300 };
const OVER = "did not settle within 300 ms";

/** Those that never end. */
export const ENDLESS: readonly Animal[] = [
  { does: "loops for ever", handler: "for (;;);", config: QUICK, ends: "timedOut", because: OVER },
  {
    does: "queues microtasks for ever",
    handler: "const again = () => queueMicrotask(again); again(); await new Promise(() => {});",
    config: QUICK,
    ends: "timedOut",
    because: OVER,
  },
  {
    does: "awaits in an endless loop",
    handler: "for (;;) await null;",
    config: QUICK,
    ends: "timedOut",
    because: OVER,
  },
  {
    does: "awaits timers in an endless loop",
    handler: "for (;;) await new Promise((go) => setTimeout(go, 0));",
    config: QUICK,
    ends: "timedOut",
    because: OVER,
  },
  {
    does: "blocks its thread",
    handler: "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);",
    config: QUICK,
    ends: "timedOut",
    because: OVER,
  },
  {
    does: "never settles",
    handler: "await new Promise(() => {});",
    config: QUICK,
    ends: "timedOut",
    because: OVER,
  },
  {
    does: "settles after its limit, within the grace",
    handler: "await new Promise((go) => context.signal.addEventListener('abort', go)); throw new Error('late');",
    config: QUICK,
    ends: "timedOut",
    because: OVER,
  },
  {
    does: "ignores its signal, and settles after the grace",
    handler: "await new Promise((go) => setTimeout(go, 5_000));",
    config: QUICK,
    ends: "timedOut",
    because: OVER,
  },
  {
    does: "holds its thread in a regular expression that backtracks without end",
    handler: "/^(a+)+$/.test('a'.repeat(60) + 'b');",
    config: QUICK,
    ends: "timedOut",
    because: OVER,
  },
  {
    does: "loops for ever inside a Worker, and waits for it",
    handler: `
      new Worker("data:text/javascript,for (;;);", { type: "module" });
      await new Promise(() => {});`,
    config: QUICK,
    ends: "timedOut",
    because: OVER,
  },
  {
    does: "leaves a Worker in an endless loop behind",
    handler: `
      const worker = new Worker("data:text/javascript,postMessage(1); for (;;);", { type: "module" });
      await new Promise((go) => worker.onmessage = go);`,
    ends: "completed",
  },
  {
    does: "returns, and loops for ever afterwards",
    handler: 'setTimeout(() => { console.log("now it loops"); for (;;); }, 0);',
    config: QUICK,
    ends: "completed",
    logs: "now it loops",
    after: "timedOut",
  },
  {
    does: "opens ten thousand timers",
    handler: "for (let i = 0; i < 10_000; i++) setInterval(() => {}, 1);",
    ends: "completed",
  },
  {
    does: "loops for ever where a promise looks for its then",
    handler: "return { get then() { for (;;); } };",
    config: QUICK,
    ends: "timedOut",
    because: OVER,
  },
  {
    does: "returns something that is to be awaited and never settles",
    module: "export default ({ body }) => body === 'misbehave' ? { then() {} } : undefined;",
    config: QUICK,
    ends: "timedOut",
    because: OVER,
  },
  {
    does: "loads for ever, awaiting",
    module: "await new Promise(() => setInterval(() => {}, 1000)); export default () => {};",
    loadTimeout: 500,
    ends: "abandoned",
    because: "did not finish loading within 0.5 s",
    after: "abandoned",
  },
  {
    does: "loads for ever, looping",
    module: "for (;;); export default () => {};",
    loadTimeout: 500,
    ends: "abandoned",
    because: "did not finish loading within 0.5 s",
    after: "abandoned",
  },
  {
    does: "awaits at its top level what never comes",
    module: "await new Promise(() => {}); export default () => {};",
    loadTimeout: 500,
    ends: "abandoned",
    because: "load",
    after: "abandoned",
  },
];
