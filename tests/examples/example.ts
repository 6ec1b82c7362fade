import { fileURLToPath } from "node:url";
import { BrokerPlace } from "../support/hosted_broker.ts";
import { privateNodeTest, startPrivateNode } from "../support/rabbitmq.ts";
import { type RunnerProcess, startRunner } from "../support/runner_process.ts";
import { untilReady } from "../support/serving.ts";

/** One of the examples, to be run as its README says: by its own `deno task start`, in its own folder. */
export interface Example {
  readonly folder: string;
  /** Starts one more runner. */
  start(env?: Record<string, string>): Promise<RunnerProcess>;
}

/**
 * A test of an example, on the embedded broker and on a RabbitMQ of its own: the examples' queues have fixed names, so
 * that no broker can be shared.
 */
export function exampleTest(
  example: string,
  what: string,
  fn: (example: Example) => Promise<void>,
  test: (name: string, fn: () => Promise<void>) => void = Deno.test,
): void {
  const folder = fileURLToPath(new URL(`../../examples/${example}/`, import.meta.url));
  const run = async (broker: Record<string, string>) => {
    await using data = await BrokerPlace.make();
    const start = async (env: Record<string, string> = {}) => {
      const runner = await startRunner({ project: folder, env: { ...data.env, ...broker, ...env } });
      try {
        await untilReady(runner);
        return runner;
      } catch (error) {
        await runner[Symbol.asyncDispose]();
        throw error;
      }
    };
    await fn({ folder, start });
  };
  test(`embedded: example ${example}: ${what}`, () => run({ BROKER: "embedded", BROKER_WS_PORT: "0" }));
  privateNodeTest(`RabbitMQ: example ${example}: ${what}`, async () => {
    await using node = await startPrivateNode();
    await run({ AMQP_URL: node.url });
  });
}
