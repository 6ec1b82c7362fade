import type { Attempt } from "../attempt.ts";

const READ = "Requires read access";

function reading(tries: string, path: string, gets = READ): Attempt {
  return { tries, handler: `await loot(Deno.readTextFileSync(${path}));`, gets };
}

/** On the disk. */
export const FILES: readonly Attempt[] = [
  reading("reads the users of the machine", '"/etc/passwd"'),
  reading("reads what a file beside it has", "at.secretJson"),
  reading("reads the process that it is", '"/proc/self/environ"', "Requires"),
  reading("reads the environment of the runner", "`/proc/${at.runner}/environ`", "Requires"),
  reading("reads the memory of the runner", "`/proc/${at.runner}/mem`", "Requires"),
  reading("reads its own memory", '"/proc/self/mem"', "Requires"),
  reading("reads the source of another function", "at.secretCode"),
  {
    tries: "lists what it has open",
    handler: 'await loot([...Deno.readDirSync("/proc/self/fd")].length);',
    gets: "Requires",
  },
  { tries: "lists the runner's folder", handler: "await loot([...Deno.readDirSync(at.folder)].length);", gets: READ },
  {
    tries: "reads by node:fs",
    imports: 'import fs from "node:fs";',
    handler: "await loot(fs.readFileSync(at.secretJson, 'utf8'));",
    gets: READ,
  },
  {
    tries: "reads by fetch",
    handler: "await loot(await (await fetch(`file://${at.secretJson}`)).text());",
    gets: READ,
  },
  {
    tries: "requires a file by node:module",
    imports: 'import { createRequire } from "node:module";',
    handler: "await loot(JSON.stringify(createRequire(import.meta.url)(at.secretJson)));",
    gets: READ,
  },
  {
    tries: "makes a link out of a folder that it may read and write",
    permissions: { read: ["$folder"], write: ["$folder"] },
    handler: `
      Deno.symlinkSync(at.secretJson, at.allowed + "/made.json");
      await loot(Deno.readTextFileSync(at.allowed + "/made.json"));`,
    gets: "requires unscoped",
  },
  {
    tries: "makes a hard link of a secret in a folder that it may read and write",
    permissions: { read: ["$folder"], write: ["$folder"] },
    handler: `
      Deno.linkSync(at.secretJson, at.allowed + "/hard.json");
      await loot(Deno.readTextFileSync(at.allowed + "/hard.json"));`,
    gets: "Requires",
  },
  {
    tries: "climbs out of a folder that it may read",
    permissions: { read: ["$folder"] },
    handler: "await loot(Deno.readTextFileSync(at.allowed + '/../secrets/secret.json'));",
    gets: READ,
  },
  {
    tries: "reads the runner's environment where it may read every file",
    permissions: { read: true },
    handler: "await loot(Deno.readTextFileSync(`/proc/${at.runner}/environ`));",
    gets: "Requires",
  },
  {
    tries: "reads the runner's environment by the folder of its thread, where it may read every file",
    permissions: { read: true },
    handler: "await loot(Deno.readTextFileSync(`/proc/${at.runner}/task/${at.runner}/environ`));",
    gets: "Requires",
  },
  {
    tries: "reads the runner's environment by node:fs, where it may read every file",
    permissions: { read: true },
    imports: 'import fs from "node:fs";',
    handler: "await loot(fs.readFileSync(`/proc/${at.runner}/environ`, 'utf8'));",
    gets: "Requires",
  },
  {
    tries: "writes beside itself",
    handler: 'Deno.writeTextFileSync(at.secretJson, "changed"); await loot("written");',
    gets: "Requires write access",
  },
  {
    tries: "makes a temporary file",
    handler: "await loot(Deno.makeTempFileSync());",
    gets: "Requires write access",
  },
  {
    tries: "writes where its own socket was",
    handler: 'Deno.writeTextFileSync(socket, "x".repeat(1_000_000)); await loot("written");',
    gets: "Requires write access",
  },
  {
    tries: "moves its own socket away",
    handler: 'Deno.renameSync(socket, at.folder + "/moved.sock"); await loot("moved");',
    gets: "Requires",
  },
  {
    tries: "opens a database by node:sqlite",
    imports: 'import { DatabaseSync } from "node:sqlite";',
    handler: 'new DatabaseSync(at.folder + "/x.sqlite"); await loot("opened");',
    gets: "Requires",
  },
  {
    tries: "attaches a database file to one in memory",
    imports: 'import { DatabaseSync } from "node:sqlite";',
    handler: `
      const db = new DatabaseSync(":memory:");
      db.exec(\`ATTACH DATABASE '\${at.folder}/attached.sqlite' AS other\`);
      db.exec("CREATE TABLE other.t (x)");
      await loot("attached");`,
    gets: "",
  },
  {
    tries: "keeps something for others in localStorage",
    handler: 'localStorage.setItem("for", "others"); await loot("kept");',
    gets: "not defined",
  },
  {
    tries: "keeps something for others in caches",
    handler: 'await (await caches.open("x")).put("http://a/b", new Response("for others")); await loot("kept");',
    gets: "not defined",
  },
  {
    tries: "opens Deno's key-value store",
    handler: 'await Deno.openKv(at.folder + "/kv.sqlite"); await loot("opened");',
    gets: "",
  },
  {
    tries: "reads what the runner had open when it started",
    imports: 'import fs from "node:fs";',
    handler: `
      for (let fd = 3; fd < 64; fd++) {
        try {
          const bytes = new Uint8Array(4096);
          const count = fs.readSync(fd, bytes, 0, 4096, 0);
          if (count > 0) await loot(fd + ": " + new TextDecoder().decode(bytes.subarray(0, count)));
        } catch {}
      }`,
  },
];
