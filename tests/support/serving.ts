import { eventually } from "./eventually.ts";
import { type LogLine, type RunnerProcess, type RunnerProcessOptions, startRunner } from "./runner_process.ts";

/** Starts a runner and waits until it is ready: every function that is not broken consumes its queue. */
export async function startServing(options: RunnerProcessOptions): Promise<RunnerProcess> {
  const runner = await startRunner(options);
  try {
    await untilReady(runner);
    return runner;
  } catch (error) {
    await runner[Symbol.asyncDispose]();
    throw error;
  }
}

/** Waits until `/readyz` says 200. */
export async function untilReady(runner: RunnerProcess, timeout = 20_000): Promise<void> {
  await eventually(async () => await status(runner, "/readyz") === 200, { timeout, what: "the runner to be ready" });
}

/** The status of a GET. */
export async function status(runner: RunnerProcess, path: string): Promise<number> {
  const response = await fetch(runner.url + path);
  await response.body?.cancel();
  return response.status;
}

/** Posts a body to a function and gives the status. */
export async function post(runner: RunnerProcess, name: string, body: string): Promise<number> {
  const response = await fetch(`${runner.url}/functions/${name}`, { method: "POST", body });
  await response.body?.cancel();
  return response.status;
}

/** What `GET /functions` says of a function, as far as the tests look at it. */
export interface FunctionSeen {
  name: string;
  state: string;
  error?: string;
  version?: string;
  loaded?: boolean;
  running: number;
  counts: Record<string, number>;
  duplicates?: number;
}

/** The functions by their names. */
export async function seen(runner: RunnerProcess): Promise<Record<string, FunctionSeen>> {
  const response = await fetch(`${runner.url}/functions`);
  const { functions }: { functions: FunctionSeen[] } = await response.json();
  return Object.fromEntries(functions.map((view) => [view.name, view]));
}

/**
 * The warnings and errors that it logged so far, but for the one about classic queues: a broker that the tests share may
 * have those of an earlier Warren.
 */
export function troubleOf(runner: RunnerProcess): LogLine[] {
  return runner.log.filter(({ level, message }) =>
    (level === "warn" || level === "error") && !message.includes("exist as classic queues")
  );
}

/** The lines that functions logged as "handled", so far. */
export function handledBy(runner: RunnerProcess): LogLine[] {
  return runner.log.filter(isHandled);
}

/** `context.log.info("handled", …)` in a function. */
export function isHandled(line: LogLine): boolean {
  return line.message === "handled";
}
