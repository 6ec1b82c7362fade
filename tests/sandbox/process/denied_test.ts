import { assert, assertEquals, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { explained } from "../../../lib/sandbox/process/denied.ts";
import type { Grants } from "../../../lib/sandbox/process/permission_line.ts";
import { Cage, failureOf } from "../../misbehaving/cage.ts";

function denied(message: string): Error {
  return Object.assign(new Error(message), { name: "NotCapable" });
}

const NOTHING: Grants = { permissions: {}, strictEnv: false };

function messageOf(error: unknown, grants = NOTHING): string {
  const same = explained(error, grants);
  assert(same instanceof Error);
  return same.message;
}

Deno.test("what was denied is said with the line of the config that would grant it", () => {
  const cases = {
    'Requires net access to "a.example:443", run again with the --allow-net flag':
      'Requires net access to "a.example:443", which the function\'s config does not grant: permissions: { net: ["a.example:443"] }',
    'Requires env access to "KEY", run again with the --allow-env flag': 'permissions: { env: ["KEY"] }',
    "Requires env access, run again with the --allow-env flag": "permissions: { env: true }",
    'Requires sys access to "hostname", run again': 'permissions: { sys: ["hostname"] }',
    "Requires read access to <exec_path>, run again": "permissions: { read: true }",
    'Requires read access to "/a, \\"b\\"", run again': 'permissions: { read: ["/a, \\"b\\""] }',
  };
  for (const [said, line] of Object.entries(cases)) assertStringIncludes(messageOf(denied(said)), line);
});

Deno.test("the line to paste is all that the config grants, with the new name in its list", () => {
  const net = denied('Requires net access to "b:2", run again with the --allow-net flag');
  const env = denied('Requires env access to "KEY", run again with the --allow-env flag');
  const cases: [error: Error, grants: Grants, line: string][] = [
    [net, { permissions: { net: ["a:1"] }, strictEnv: false }, 'permissions: { net: ["a:1", "b:2"] }'],
    [
      net,
      { permissions: { net: false, env: ["A"], read: true }, strictEnv: false },
      'permissions: { net: ["b:2"], env: ["A"], read: true }',
    ],
    [
      net,
      { permissions: { env: ["A"] }, strictEnv: true },
      'permissions: { env: { allow: ["A"], strict: true }, net: ["b:2"] }',
    ],
    [env, { permissions: {}, strictEnv: true }, 'permissions: { env: { allow: ["KEY"], strict: true } }'],
    [
      denied("Requires env access, run again with the --allow-env flag"),
      { permissions: { env: ["A"] }, strictEnv: true },
      "permissions: { env: { allow: true, strict: true } }",
    ],
    ...(["read", "write", "run", "sys", "ffi"] as const).map((kind): [Error, Grants, string] => [
      denied(`Requires ${kind} access to "new", run again with the --allow-${kind} flag`),
      { permissions: { [kind]: ["old", "older"] }, strictEnv: false },
      `permissions: { ${kind}: ["old", "older", "new"] }`,
    ]),
  ];
  for (const [error, grants, line] of cases) {
    const message = messageOf(error, grants);
    assertEquals(message.slice(message.indexOf("permissions:")), line);
  }
});

Deno.test("what Node's modules say of a denial is explained too", async () => {
  const module = `
    import { execFileSync } from "node:child_process";
    import { lookup } from "node:dns/promises";
    export default async ({ body }) => {
      if (body === "run") execFileSync("/bin/true");
      await lookup("db.invalid");
    };`;
  await using cage = await Cage.make(module, { config: { permissions: { net: ["a:1"] } } });
  const lines = { run: 'permissions: { net: ["a:1"], run: true }', net: 'permissions: { net: ["a:1", "db.invalid"] }' };
  for (const [what, line] of Object.entries(lines)) {
    const { message } = failureOf(await cage.run(what), "failed");
    assertStringIncludes(message, `, which the function's config does not grant: ${line}`);
  }
});

Deno.test("an import that was denied is said as what it is", () => {
  const message = messageOf(
    denied('Requires import access to "example.com:443", run again with the --allow-import flag'),
  );
  assertStringIncludes(message, "only what its source names in import statements");
});

Deno.test("the error keeps its name, its stack and itself as the cause, also where another one is around it", () => {
  const inner = denied('Requires net access to "a:1", run again with the --allow-net flag');
  const outer = new TypeError("fetch failed", { cause: new Error("between", { cause: inner }) });
  const same = explained(outer, NOTHING) as Error;
  assertEquals([same.name, same.cause], ["NotCapable", outer]);
  assertStringIncludes(same.message, 'permissions: { net: ["a:1"] }');
  const plain = explained(inner, NOTHING) as Error;
  assertStringIncludes(plain.stack ?? "", "permissions:");
});

Deno.test("every other error comes back as it is, also one that cannot be looked at", () => {
  const round = new Error("round");
  round.cause = round;
  const no = () => {
    throw new Error("no");
  };
  const hidden = new Proxy({}, { get: no, getPrototypeOf: no });
  const others = [
    new Error("Requires net access, run"),
    denied("something else"),
    round,
    hidden,
    "text",
    null,
    undefined,
  ];
  for (const error of others) assertStrictEquals(explained(error, NOTHING), error);
});

Deno.test("what Deno itself says of each permission is understood", async () => {
  const module = `
    export default async ({ body }) => {
      if (body === "net") await Deno.connect({ hostname: "127.0.0.1", port: 1 });
      if (body === "fetch") await fetch("http://127.0.0.1:4242/");
      if (body === "env") Deno.env.get("KEY");
      if (body === "read") Deno.readTextFileSync("/etc/hosts");
      if (body === "write") Deno.writeTextFileSync("/tmp/x", "");
      if (body === "run") new Deno.Command("/bin/true").spawn();
      if (body === "sys") Deno.hostname();
      if (body === "ffi") Deno.dlopen("/lib/x.so", {});
    };`;
  const lines: Record<string, string> = {
    net: 'net: ["127.0.0.1:1"]',
    fetch: 'net: ["127.0.0.1:4242"]',
    env: 'env: { allow: ["KEY"], strict: true }',
    read: 'read: ["/etc/hosts"]',
    write: 'write: ["/tmp/x"]',
    run: 'run: ["/bin/true"]',
    sys: 'sys: ["hostname"]',
    ffi: "ffi:",
  };
  await using cage = await Cage.make(module, { config: { permissions: { env: { strict: true } } } });
  for (const [what, line] of Object.entries(lines)) {
    const { type, message } = failureOf(await cage.run(what), "failed");
    assertStringIncludes(`${type}: ${message}`, `NotCapable: Requires ${what === "fetch" ? "net" : what} access`);
    assertStringIncludes(message, line);
  }
});
