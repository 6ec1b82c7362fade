import { join } from "node:path";
import { answers, withoutPassword } from "./broker_probe.ts";
import { hasPrivateNodes } from "./private_node.ts";

export { type PrivateNode, startPrivateNode } from "./private_node.ts";

const DEFAULT_URL = "amqp://guest:guest@127.0.0.1:5672";

const wanted = Deno.env.get("WARREN_TEST_AMQP_URL") ?? DEFAULT_URL;
const required = (Deno.env.get("WARREN_TEST_REQUIRE") ?? "").split(",").includes("rabbitmq");
const found = await answers(wanted) ? wanted : undefined;
let told = false;

/** The broker that the tests share: WARREN_TEST_AMQP_URL, else the one on 5672, or none where nothing answers. */
export function rabbitmqUrl(): string | undefined {
  return found;
}

/**
 * A test that needs RabbitMQ. Without one it is skipped and one line says how to run it; where
 * WARREN_TEST_REQUIRE names `rabbitmq` it fails instead, so that CI cannot pass by skipping.
 *
 * @param name begins with "RabbitMQ": `deno task test:rabbitmq` finds the tests for other versions by it
 */
export function rabbitmqTest(name: string, fn: (url: string, test: Deno.TestContext) => Promise<void> | void): void {
  assertNamed(name);
  if (found === undefined && !required && !told) {
    told = true;
    console.log(`No broker answers at ${withoutPassword(wanted)}: the tests that need RabbitMQ are skipped.`);
    console.log("To run them, start one there, or name another in WARREN_TEST_AMQP_URL.");
  }
  Deno.test({
    name,
    ignore: found === undefined && !required,
    fn(test) {
      if (found === undefined) throw new Error(`No broker answers at ${withoutPassword(wanted)}`);
      return fn(found, test);
    },
  });
}

export interface PrivateNodeTestOptions {
  /** Commands that the test needs as well. @default [] */
  commands?: readonly string[];
}

/** A test that starts nodes of RabbitMQ itself. It is named and skipped as a `rabbitmqTest()` is. */
export function privateNodeTest(
  name: string,
  fn: (test: Deno.TestContext) => Promise<void>,
  { commands = [] }: PrivateNodeTestOptions = {},
): void {
  assertNamed(name);
  const lacking = [
    ...(hasPrivateNodes() ? [] : ["RabbitMQ's own scripts"]),
    ...commands.filter((one) => !isThere(one)),
  ];
  const ignore = lacking.length > 0 && !required;
  if (ignore) console.log(`without ${lacking.join(" and ")} a test is skipped: ${name}`);
  Deno.test({ name, ignore, fn });
}

function isThere(command: string): boolean {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return folders.some((folder) => {
    try {
      return Deno.statSync(join(folder, command)).isFile;
    } catch {
      return false;
    }
  });
}

function assertNamed(name: string): void {
  if (!name.startsWith("RabbitMQ")) throw new Error(`the name of a test on RabbitMQ begins with it, found "${name}"`);
}
