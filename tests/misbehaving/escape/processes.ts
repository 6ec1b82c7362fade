import type { Attempt } from "../attempt.ts";

const RUN = "Requires run access";

/** Through other processes, threads and native code. */
export const PROCESSES: readonly Attempt[] = [
  {
    tries: "starts a program",
    handler: 'await loot((await new Deno.Command("/bin/cat", { args: [at.secretJson] }).output()).stdout);',
    gets: RUN,
  },
  {
    tries: "starts a program by node:child_process",
    imports: 'import { execFileSync } from "node:child_process";',
    handler: 'await loot(execFileSync("/bin/cat", [at.secretJson]));',
    gets: "which the function's config does not grant",
  },
  {
    tries: "starts a shell by node:child_process",
    imports: 'import { execSync } from "node:child_process";',
    handler: "await loot(execSync(`cat ${at.secretJson}`));",
    gets: "which the function's config does not grant",
  },
  { tries: "signals the runner", handler: 'Deno.kill(at.runner, "SIGCONT"); await loot("sent");', gets: RUN },
  {
    tries: "signals another function's process",
    handler: 'Deno.kill(at.other, "SIGCONT"); await loot("sent");',
    gets: RUN,
  },
  {
    tries: "signals the runner by node:process",
    imports: 'import process from "node:process";',
    handler: 'process.kill(at.runner, "SIGCONT"); await loot("sent");',
    gets: RUN,
  },
  {
    tries: "signals its whole group",
    handler: 'Deno.kill(0, "SIGCONT"); await loot("sent");',
    gets: RUN,
  },
  {
    tries: "signals its whole group by node:process",
    imports: 'import process from "node:process";',
    handler: 'process.kill(0, "SIGCONT"); await loot("sent");',
    gets: RUN,
  },
  { tries: "loads native code", handler: 'Deno.dlopen("/lib/libc.so.6", {}); await loot("loaded");', gets: "Requires" },
  {
    tries: "loads native code by node:process",
    imports: 'import process from "node:process";',
    handler: 'process.dlopen({ exports: {} }, "/lib/libc.so.6"); await loot("loaded");',
    gets: "",
  },
  {
    tries: "asks for a permission",
    handler: `
      for (const name of ["read", "net", "env", "run", "sys", "ffi", "write"]) {
        const { state } = await Deno.permissions.request({ name });
        if (state !== "denied") await loot(name + " " + state);
      }`,
  },
  ...["inherit", { read: true }, { net: true, read: true, write: true, env: true, run: true }].map((permissions) => ({
    tries: `starts a Worker with the permissions ${JSON.stringify(permissions)}`,
    handler: `
      const source = \`try { postMessage(Deno.readTextFileSync(\${JSON.stringify(at.secretJson)})) } catch (e) { postMessage(0) }\`;
      const worker = new Worker("data:text/javascript," + encodeURIComponent(source), {
        type: "module", deno: { permissions: ${JSON.stringify(permissions)} },
      });
      const found = await new Promise((go) => { worker.onmessage = ({ data }) => go(data); worker.onerror = (e) => { e.preventDefault(); go(0); }; });
      worker.terminate();
      if (found) await loot(found);
      throw new Error("nothing found");`,
    ends: "crashed" as const,
  })),
  {
    tries: "starts a Worker whose source imports a file",
    handler: `
      const source = \`import s from "file://\${at.secretJson}" with { type: "json" }; postMessage(JSON.stringify(s));\`;
      const worker = new Worker("data:text/javascript," + encodeURIComponent(source), { type: "module" });
      const found = await new Promise((go) => { worker.onmessage = ({ data }) => go(data); worker.onerror = (e) => { e.preventDefault(); go(0); }; });
      worker.terminate();
      if (found) await loot(found);`,
  },
  {
    tries: "starts a Worker from another function's file",
    handler: `
      const worker = new Worker(\`file://\${at.secretCode}\`, { type: "module" });
      const found = await new Promise((go) => { worker.onmessage = ({ data }) => go(data); worker.onerror = (e) => { e.preventDefault(); go(0); }; });
      worker.terminate();
      if (found) await loot(found);`,
  },
  {
    tries: "starts a thread by node:worker_threads",
    imports: 'import { Worker } from "node:worker_threads";',
    handler: `
      const source = \`
        const { parentPort } = require("node:worker_threads");
        try { parentPort.postMessage(require("node:fs").readFileSync(\${JSON.stringify(at.secretJson)}, "utf8")); }
        catch { parentPort.postMessage(0); }\`;
      const worker = new Worker(source, { eval: true });
      const found = await new Promise((go) => worker.on("message", go).on("error", () => go(0)).on("exit", () => go(0)));
      if (found) await loot(found);`,
  },
  {
    tries: "runs code by node:vm",
    imports: 'import vm from "node:vm";',
    handler: `
      const found = vm.runInThisContext("(path) => Deno.readTextFileSync(path)")(at.secretJson);
      await loot(found);`,
    gets: "Requires read access",
  },
  {
    tries: "runs code of a node:vm module that imports a file",
    imports: 'import vm from "node:vm";',
    handler: `
      const importing = vm.runInThisContext("(path) => import(path, { with: { type: 'json' } })");
      await loot(JSON.stringify(await importing("file://" + at.secretJson)));`,
    gets: "",
  },
  {
    tries: "asks who runs it",
    imports: 'import os from "node:os";',
    handler: "await loot(os.hostname() + os.userInfo().username);",
    gets: "Requires sys access",
  },
  {
    tries: "calls what Deno keeps inside",
    handler: `
      const { core } = Deno[Deno.internal] ?? {};
      const found = core?.ops?.op_fs_read_file_text_sync?.(at.secretJson) ?? Deno.core?.ops?.op_fs_read_file_text_sync?.(at.secretJson);
      if (found) await loot(found);`,
  },
  {
    tries: "runs WebAssembly, which reaches nothing by itself",
    handler: `
      const bytes = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
      const { instance } = await WebAssembly.instantiate(bytes, {});
      if (Object.keys(instance.exports).length > 0) await loot("exports");`,
  },
];
