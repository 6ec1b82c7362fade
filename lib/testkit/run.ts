import { DryRun, type DryRunReport } from "../dry_run/dry_run.ts";
import { resolveFunctionConfig } from "../invocation/definition/function_config.ts";
import type { DryMessage } from "../dry_run/dry_message.ts";
import type { BatchHandler, Handler, StandardSchema } from "../mod.ts";
import { InlineSandbox } from "../sandbox/handler/inline_sandbox.ts";

/** A module of a function, as `import * as resize from "../functions/resize.ts"` gives it. */
export interface FunctionModule<H> {
  readonly default: H;
  /** A `FunctionConfig`; wrong values are errors of `run()`. */
  readonly config?: object;
  readonly input?: StandardSchema;
}

/** The message beside its body, and the name of the function. */
export interface RunOptions extends Omit<DryMessage, "body"> {
  /** The name of the function: its queue, unless its config names one. @default "function" */
  name?: string;
}

/** How a message fared. */
export interface RunReport<Result = unknown> extends DryRunReport {
  /** What the handler returned, after a way through its encoding: what a consumer of `output` would receive. */
  readonly result?: Result;
}

/**
 * Runs a handler in this process with one message, without a broker. Decoding, validation, time limit, retry policy and
 * the rules for what may be published are those of the runner. Permissions and the memory limit are not: they belong to
 * the function's process.
 *
 * @param target the module of a function, or a handler, which then has the default configuration
 * @param body a `Uint8Array` is sent as it is, a string as text, anything else as JSON
 * @throws {WarrenError} if the configuration is wrong
 *
 * @example
 * ```ts
 * import { run } from "warren/testing";
 * import type { Handler } from "warren";
 *
 * const greet: Handler<{ name: string }, string> = ({ body }) => `hello ${body.name}`;
 *
 * const { outcome, result } = await run(greet, { name: "Ann" });
 * console.assert(outcome === "completed" && result === "hello Ann");
 * ```
 */
export async function run<Body, Result>(
  target: Handler<Body, Result> | FunctionModule<Handler<Body, Result>>,
  body: unknown,
  options: RunOptions = {},
): Promise<RunReport<Awaited<Result>>> {
  const { name, ...message } = options;
  await using dry = open(target, name);
  return await dry.run({ ...message, body }) as RunReport<Awaited<Result>>;
}

/**
 * Runs the handler of a function with `batch` once with all messages, otherwise as `run()` does. Returns one report for
 * each message, in their order.
 *
 * @param bodies the bodies of the messages; options apply to all of them
 */
export async function runBatch<Body>(
  target: BatchHandler<Body> | FunctionModule<BatchHandler<Body>>,
  bodies: readonly unknown[],
  options: RunOptions = {},
): Promise<RunReport[]> {
  const { name, ...message } = options;
  await using dry = open(target, name);
  return await dry.runBatch(bodies.map((body) => ({ ...message, body })));
}

function open<H>(target: H | FunctionModule<H>, name = "function"): DryRun {
  const module: FunctionModule<H> = typeof target === "function" ? { default: target } : target as FunctionModule<H>;
  // What defineFunction() was given is with the handler.
  const { config = {}, input } = { ...module.default as object, ...module } as Omit<FunctionModule<H>, "default">;
  const place = { name, file: `${name}.ts`, version: "test", validates: input !== undefined };
  const definition = resolveFunctionConfig(config as Record<string, unknown>, place);
  return new DryRun({
    definition,
    open: (log, once) =>
      new InlineSandbox({
        definition,
        sources: new Map(),
        folder: "",
        log,
        once,
        load: () => Promise.resolve({ ...module }),
      }),
  });
}
