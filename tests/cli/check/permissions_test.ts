import { assertEquals, assertStringIncludes } from "@std/assert";
import { folder } from "../../loader/folder.ts";
import { runMain } from "../run_command.ts";

const CURIOUS = `import process from "node:process";
  export default async ({ body }, context) => {
    const all = Object.keys({ ...process.env });
    context.log.info(\`\${all.length} \${process.env.MAIL_HOST} \${process.env.MAIL_PORT}\`);
    await Deno.readTextFile("/etc/hostname").catch(() => {});
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, "x");
    await Deno.remove(file);
    await new Deno.Command("true").output();
    await Deno.connect({ hostname: "127.0.0.1", port: 1 }).catch((error) => {
      if (error.name === "NotCapable") throw error;
    });
    if (body === "bad") throw new Error("bad");
  };`;

const NEEDED =
  'permissions: { net: ["127.0.0.1:1"], env: ["MAIL_HOST", "PATH"], read: ["/etc/hostname"], write: ["/tmp"], ' +
  'run: ["true"] }';

Deno.test("check --permissions finds in one go what a function needs, and proves that it runs with just that", async () => {
  await using functions = await folder({ "curious.ts": CURIOUS });
  const env = { FUNCTIONS_DIR: functions.path, MAIL_HOST: "mail", SECRET: "s" };
  const { code, stdout, stderr } = await runMain(["check", "--permissions", "curious", "{}"], env);
  assertEquals(code, 0, stdout + stderr);
  assertEquals(stdout.split("\n").slice(0, 3), [
    NEEDED,
    "not set here, and so not granted: MAIL_PORT",
    "with exactly these, it ended as it did with all permissions: completed",
  ]);
  assertStringIncludes(stderr, "running curious with every permission");
});

Deno.test("check --permissions says that a function which did not complete may need more", async () => {
  await using functions = await folder({ "curious.ts": CURIOUS });
  const args = ["check", "--permissions", "curious", "bad", "--json"];
  const { code, stdout } = await runMain(args, { FUNCTIONS_DIR: functions.path });
  const { outcomes, permissions } = JSON.parse(stdout);
  assertEquals([code, outcomes, permissions.run], [0, ["failed", "failed"], ["true"]]);
});

Deno.test("check --permissions names what cannot be learned", async () => {
  await using functions = await folder({
    "inside.ts": `export const config = { isolation: "inline" };\nexport default () => {};`,
  });
  const env = { FUNCTIONS_DIR: functions.path };
  const inline = await runMain(["check", "--permissions", "inside", "1"], env);
  assertEquals(inline.code, 1);
  assertStringIncludes(inline.stderr, "is inline: it has all permissions of the runner");
  assertStringIncludes((await runMain(["check", "--permissions", "insid", "1"], env)).stderr, 'did you mean "inside"?');
  assertEquals((await runMain(["check", "--permissions", "inside", "1", "2"], env)).code, 2);
});
