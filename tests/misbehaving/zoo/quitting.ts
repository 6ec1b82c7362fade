import type { Animal } from "../animal.ts";

/** Those that end their process, or try to. */
export const QUITTING: readonly Animal[] = [
  { does: "exits with code 0", handler: "Deno.exit(0);", ends: "crashed", because: "it exited with code 0" },
  { does: "exits with code 1", handler: "Deno.exit(1);", ends: "crashed", because: "it exited with code 1" },
  {
    does: "exits by node:process",
    module: `
      import process from "node:process";
      export default ({ body }) => { if (body === "misbehave") process.exit(7); };`,
    ends: "crashed",
    because: "it exited with code 7",
  },
  {
    does: "aborts by node:process",
    module: `
      import process from "node:process";
      export default ({ body }) => { if (body === "misbehave") process.abort(); };`,
    ends: "crashed",
    because: "the function's process ended while the handler ran",
  },
  {
    does: "kills itself by Deno.kill",
    handler: 'Deno.kill(Deno.pid, "SIGKILL");',
    ends: "crashed",
    because: "it was killed by SIGKILL",
  },
  {
    does: "kills itself by node:process",
    module: `
      import process from "node:process";
      export default ({ body }) => { if (body === "misbehave") process.kill(process.pid, "SIGKILL"); };`,
    ends: "crashed",
    because: "it was killed by SIGKILL",
  },
  {
    does: "exits after it returned",
    handler: "setTimeout(() => Deno.exit(9), 0);",
    ends: "completed",
    logs: "the function's process ended",
  },
  {
    does: "throws in a timer while it runs",
    handler: 'setTimeout(() => { throw new Error("in a timer"); }, 0); await new Promise(() => {});',
    ends: "crashed",
    because: "nothing caught an error that it threw: Error: in a timer",
    logs: "uncaught Error: in a timer",
  },
  {
    does: "throws in a timer after it returned",
    handler: 'setTimeout(() => { throw new Error("in a timer"); }, 0);',
    ends: "completed",
    logs: "the function's process ended",
  },
  {
    does: "ends its process while it loads",
    module: "Deno.exit(5); export default () => {};",
    ends: "abandoned",
    because: "it exited with code 5",
    after: "abandoned",
  },
  {
    does: "throws while it loads",
    module: 'throw new Error("no database"); export default () => {};',
    ends: "abandoned",
    because: "no database",
    after: "abandoned",
  },
  {
    does: "has a default export that is no function",
    module: "export default { then() {} };",
    ends: "abandoned",
    because: "the default export is object",
    after: "abandoned",
  },
  {
    does: "closes every resource and file descriptor that it can guess",
    module: `
      import fs from "node:fs";
      export default async ({ body }) => {
        if (body !== "misbehave") return;
        for (let id = 0; id < 100; id++) {
          try { Deno.close?.(id); } catch {}
          try { fs.closeSync(id); } catch {}
          try { Deno.core?.close(id); } catch {}
        }
        await new Promise((go) => setTimeout(go, 20));
      };`,
    ends: "completed",
  },
  {
    does: "starts itself again and again",
    handler: "for (;;) new Deno.Command(Deno.execPath(), { args: ['eval', 'for (;;);'] }).spawn();",
    ends: "failed",
    because: "Requires run access",
  },
  {
    does: "forks by node:child_process",
    module: `
      import { fork } from "node:child_process";
      export default ({ body }) => {
        if (body === "misbehave") return new Promise((_, reject) => fork("function.ts").on("error", reject));
      };`,
    ends: "failed",
    because: "which the function's config does not grant",
  },
  {
    does: "changes its working directory",
    handler: 'Deno.chdir("/");',
    ends: "failed",
    because: "Requires read access",
  },
  {
    does: "ignores the signals that ask it to end",
    handler: 'for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) Deno.addSignalListener(signal, () => {});',
    ends: "completed",
  },
];
