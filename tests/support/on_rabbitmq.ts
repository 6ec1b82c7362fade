/**
 * Runs the tests that need RabbitMQ on another version of it: `deno task test:rabbitmq 4.3`, with `--long` the long ones.
 *
 * `.ci/rabbitmq 4.3` installs that version in a folder of its own. A node of it is started for the run, and the tests that
 * start nodes themselves start that version too.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const REQUIRED = (Deno.env.get("WARREN_TEST_REQUIRE") ?? "").split(",").includes("rabbitmq");

/** The folder with a version's `rabbitmq-server`, or undefined where it is not installed. */
function scriptsOf(version: string): string | undefined {
  const releases = Deno.env.get("WARREN_TEST_RABBITMQ_RELEASES") ??
    join(Deno.env.get("HOME") ?? "", ".cache/warren/rabbitmq");
  const scripts = join(releases, version, "warren");
  try {
    return Deno.statSync(join(scripts, "rabbitmq-server")).isFile ? scripts : undefined;
  } catch {
    return undefined;
  }
}

async function main([version, ...args]: string[]): Promise<number> {
  if (!version || version.startsWith("-")) {
    console.error("usage: deno task test:rabbitmq VERSION [--long] [PATH …]");
    return 2;
  }
  const scripts = scriptsOf(version);
  if (!scripts) {
    console.log(
      `RabbitMQ ${version} is not installed: its tests are skipped. To run them, install it: .ci/rabbitmq ${version}`,
    );
    console.log(REQUIRED ? "0 passed, 1 failed" : "0 passed, 0 failed, 1 skipped");
    return REQUIRED ? 1 : 0;
  }
  Deno.env.set("WARREN_TEST_RABBITMQ_SCRIPTS", scripts);
  // Imported late: it reads the variable.
  const { startPrivateNode } = await import("./private_node.ts");
  await using node = await startPrivateNode();
  console.log(`on RabbitMQ ${(await node.ctl("version")).trim()}`);
  const filtered = args.some((arg) => arg.startsWith("--filter"));
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "tests/support/run_tests.ts", ...args, ...(filtered ? [] : ["--filter", "RabbitMQ"])],
    cwd: ROOT,
    env: { WARREN_TEST_AMQP_URL: node.url },
    stdin: "null",
  }).spawn().status;
  return code;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
