import { assertEquals, assertStringIncludes } from "@std/assert";
import { resolveFunctionConfig } from "../../lib/invocation/definition/function_config.ts";
import { Logger } from "../../lib/base/log.ts";
import { OPTIONS } from "../../lib/settings/options.ts";
import { UngrantedVariables } from "../../lib/sandbox/guest/ungranted_variables.ts";
import { Cage, failureOf, reasonOf } from "../misbehaving/cage.ts";
import { eventually } from "../support/eventually.ts";

/** Sets variables of this process, which is the runner here, for one test. */
function given(variables: Record<string, string>): Disposable {
  const before = Object.keys(variables).map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
  return {
    [Symbol.dispose]() {
      for (const [name, value] of before) value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
    },
  };
}

/** What nodemailer, pg and ioredis do when they are imported. */
const LOOKS = `
  import process from "node:process";
  const host = process.env.WARREN_T_HOST || "localhost";
  const debug = "WARREN_T_DEBUG" in process.env;
  const user = Deno.env.get("WARREN_T_USER") ?? process.env.WARREN_T_LOGIN;
  export default (_, { log }) => {
    log.info([host, debug, user, process.env.WARREN_T_HOST].join(), { said: true });
    Deno.env.set("WARREN_T_LATE", "1");
  };`;

Deno.test("a package that merely looks at variables loads, and each is absent, with one warning ready to paste", async () => {
  using _ = given({ WARREN_T_HOST: "db", WARREN_T_OWN: "1" });
  const config = { permissions: { env: ["WARREN_T_OWN"], net: ["db:5432"] }, instances: 2, idle: 0 };
  await using cage = await Cage.make(LOOKS, { config });
  for (let i = 0; i < 2; i++) {
    assertEquals((await cage.run()).kind, "completed");
    await eventually(() => cage.sandbox.processes === 0);
  }
  assertEquals(cage.said, ["localhost,false,,", "localhost,false,,"]);
  const warnings = cage.lines.filter(({ level }) => level === "warn").map(({ message }) => message);
  const names = ["WARREN_T_HOST", "WARREN_T_DEBUG", "WARREN_T_USER", "WARREN_T_LOGIN"];
  const begin = "the function looks at environment variables that its config does not grant, and finds nothing: ";
  const line = (granted: string[]) =>
    `permissions: { net: ["db:5432"], env: [${granted.map((name) => `"${name}"`).join(", ")}] }`;
  assertEquals(warnings, [
    begin + `${names.join(", ")}; the runner has WARREN_T_HOST. To grant them: ${line(["WARREN_T_OWN", ...names])}`,
    begin + `WARREN_T_LATE. To grant them: ${line(["WARREN_T_OWN", ...names, "WARREN_T_LATE"])}`,
  ]);
});

Deno.test("a module that ends for want of a variable says first which one it looked at", async () => {
  const module = `
    if (!Deno.env.get("WARREN_T_KEY")) throw new Error("WARREN_T_KEY is missing");
    export default () => {};`;
  await using cage = await Cage.make(module);
  assertStringIncludes(reasonOf(await cage.run()), "WARREN_T_KEY is missing");
  assertStringIncludes(String(cage.line("looks at")?.message), 'permissions: { env: ["WARREN_T_KEY"] }');
});

Deno.test("what is granted or not there, and what every object has, is no variable that is missing", async () => {
  const module = `
    import process from "node:process";
    Deno.env.get("WARREN_T_GRANTED");
    Deno.env.get("WARREN_W_ANY");
    await process.env;
    String(process.env);
    export default () => {};`;
  const config = { permissions: { env: ["WARREN_T_GRANTED", "WARREN_W_*"] } };
  await using cage = await Cage.make(module, { config });
  assertEquals((await cage.run()).kind, "completed");
  assertEquals(cage.lines, []);
});

Deno.test("a strict function fails at a variable that is not granted, with the whole list to paste", async () => {
  const config = { permissions: { env: { allow: ["WARREN_T_A"], strict: true } } };
  await using cage = await Cage.make('export default () => Deno.env.get("WARREN_T_B");', { config });
  const { type, message } = failureOf(await cage.run(), "failed");
  assertEquals(type, "NotCapable");
  const line = 'permissions: { env: { allow: ["WARREN_T_A", "WARREN_T_B"], strict: true } }';
  assertStringIncludes(message, line);
});

Deno.test("wildcards pass what they match and nothing else", async () => {
  using _ = given({ WARREN_T_SMTP_HOST: "h", WARREN_T_SMTP_PORT: "25", WARREN_T_SMT: "no", WARREN_T_OTHER: "no" });
  const module = `
    export default (_, { log }) => log.info(JSON.stringify(Object.entries(Deno.env.toObject()).sort()), { said: true });`;
  await using cage = await Cage.make(module, { config: { permissions: { env: ["WARREN_T_SMTP_*"] } } });
  assertEquals((await cage.run()).kind, "completed");
  assertEquals(JSON.parse(cage.said[0]), [["WARREN_T_SMTP_HOST", "h"], ["WARREN_T_SMTP_PORT", "25"]]);
});

Deno.test("no wildcard, name or true passes one of the runner's own secrets, which are those of the option table", async () => {
  const secrets = OPTIONS.filter(({ secret }) => secret).flatMap(({ env }) => [env, `${env}_FILE`]);
  for (const name of ["AMQP_URL", "API_TOKEN_FILE", "BROKER_USERS", "ONCE_STORE"]) {
    assertEquals(secrets.includes(name), true, name);
  }
  using _ = given(Object.fromEntries(secrets.map((name) => [name, "s3cret"])));
  const module = `
    export default (_, { log }) => {
      const names = ${JSON.stringify(secrets)};
      log.info(names.filter((name) => Deno.env.has(name)).join(), { said: true });
    };`;
  const patterns = secrets.map((name) => `${name.slice(0, 3)}*`);
  for (const env of [true, secrets, patterns]) {
    await using cage = await Cage.make(module, { config: { permissions: { env } } });
    assertEquals((await cage.run()).kind, "completed");
    assertEquals(cage.said, [""]);
  }
});

Deno.test("a secret that a function names or looks at is said, and no line to grant it", () => {
  const lines: string[] = [];
  const log = new Logger({ write: (line) => lines.push(JSON.parse(line).message) });
  const definition = resolveFunctionConfig({ permissions: { env: ["API_TOKEN"] } }, {
    name: "f",
    file: "/f.ts",
    version: "1",
  });
  new UngrantedVariables({ definition, log }).looked(["ONCE_STORE_FILE"]);
  const text = "the runner's own secrets are in no function's environment: ";
  assertEquals(lines, [`${text}API_TOKEN`, `${text}ONCE_STORE_FILE`]);
});

Deno.test("a function that looks at variables without end is said a thousand of them", () => {
  let names = 0;
  const log = new Logger({ write: (line) => names += line.match(/V\d+(?=[,.])/g)?.length ?? 0 });
  const definition = resolveFunctionConfig({}, { name: "f", file: "/f.ts", version: "1" });
  const ungranted = new UngrantedVariables({ definition, log, env: { has: () => false } });
  for (let i = 0; i < 2_000; i++) ungranted.looked([`V${i}`]);
  assertEquals(names, 1_000);
});
