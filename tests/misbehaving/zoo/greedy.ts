import type { Animal } from "../animal.ts";

/** Those that take more memory than there is for them. */
export const GREEDY: readonly Animal[] = [
  {
    does: "allocates objects without end",
    handler: "const all = []; for (;;) all.push({ a: all.length, b: [all.length] });",
    config: { memory: "128MB" },
    ends: "crashed",
    because: "memory",
  },
  {
    does: "allocates objects without end, awaiting between them",
    handler:
      "const all = []; for (;;) { for (let i = 0; i < 1e5; i++) all.push({ i }); await new Promise(setImmediate); }",
    config: { memory: "128MB" },
    ends: "crashed",
    because: "memory",
  },
  {
    does: "allocates buffers without end",
    handler: "const all = []; for (;;) all.push(new Uint8Array(4 * 1024 * 1024).fill(1));",
    config: { memory: "128MB" },
    ends: "crashed",
    because: "it took more memory than its limit of 128 MB",
  },
  {
    does: "builds a huge string",
    handler: "const all = []; for (let i = 0;; i++) all.push(`${i}`.padEnd(1_000_000, String(i)).split('').join('-'));",
    config: { memory: "128MB" },
    ends: "crashed",
    because: "memory",
  },
  {
    does: "asks for a string that cannot be",
    handler: "'x'.repeat(2 ** 31);",
    ends: "failed",
    because: "Invalid string length",
  },
  {
    does: "asks for a buffer that cannot be",
    handler: "new ArrayBuffer(Number.MAX_SAFE_INTEGER);",
    ends: "failed",
    because: "allocation failed",
  },
  {
    does: "allocates buffers without end after it returned",
    handler: "const all = []; setInterval(() => all.push(new Uint8Array(8 * 1024 * 1024).fill(1)), 5);",
    config: { memory: "128MB" },
    ends: "completed",
    logs: "the function's process ended",
  },
  {
    does: "allocates without end in a Worker",
    handler: `
      new Worker("data:text/javascript,const all = []; for (;;) all.push(new Uint8Array(4194304).fill(1));", {
        type: "module",
      });
      await new Promise(() => {});`,
    config: { memory: "128MB" },
    ends: "crashed",
    because: "memory",
  },
  {
    does: "allocates without end while it loads",
    module: "const all = []; for (;;) all.push(new Uint8Array(4194304).fill(1)); export default () => {};",
    config: { memory: "128MB" },
    ends: "abandoned",
    because: "memory",
    after: "abandoned",
  },
  {
    does: "overflows its stack",
    handler: "const deeper = () => deeper() + 1; deeper();",
    ends: "failed",
    because: "Maximum call stack size exceeded",
  },
];
