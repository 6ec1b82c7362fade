import { OPTIONS } from "../../lib/settings/options.ts";
import type { Checkout } from "./checkout.ts";
import { imageArguments, projectArguments, taskArguments } from "./command_lines.ts";
import { TextLineStream } from "./text_lines.ts";

const ROOT = new URL("../../", import.meta.url);

/** One line of the runner's JSON log. */
export type LogLine = { level: string; message: string } & Record<string, unknown>;

export interface RunnerProcessOptions {
  /** None: the embedded broker, or what `env` says. */
  amqpUrl?: string;
  functionsDir?: string;
  /** @default ["start"] */
  args?: string[];
  /** Whose command line it is: that of the task in deno.json, or of the image's ENTRYPOINT. @default "task" */
  by?: "task" | "image";
  /** Runs the task `start` of this project, in its folder. @default the repository itself */
  project?: string;
  /** Runs this copy of the repository as its user. @default the repository itself, by whoever runs the tests */
  checkout?: Checkout;
  /** Beside what the runner needs; wins over it. @default {} */
  env?: Record<string, string>;
  /** Milliseconds until the HTTP API must be announced. @default 20_000 */
  startTimeout?: number;
}

/** A runner as users start it, in a process of its own; killed when disposed of. */
export class RunnerProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #waiting = new Set<() => void>();
  readonly #read: Promise<void>;
  #ended = false;

  /** What it logged so far. A line that is not JSON is there as `{ level: "raw", message }`. */
  readonly log: LogLine[] = [];
  readonly status: Promise<Deno.CommandStatus>;

  /** The HTTP API's URL without a slash at its end; empty until it was announced. */
  url = "";

  constructor(options: RunnerProcessOptions) {
    const { amqpUrl = "", functionsDir = "", args = ["start"], by = "task", project, checkout, env = {} } = options;
    const own = {
      AMQP_URL: amqpUrl,
      LOG_FORMAT: "json",
      PORT: "0",
      ...(project === undefined && { FUNCTIONS_DIR: functionsDir }),
    };
    const root = checkout?.path;
    const line = by === "image" ? imageArguments : taskArguments;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: project === undefined ? line(args, root) : projectArguments(args[0], project),
      cwd: project ?? root ?? ROOT,
      uid: checkout?.user,
      clearEnv: true,
      env: { ...surroundings(), ...own, ...checkout?.env, ...env },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.status = this.#child.status;
    this.#read = this.#readLog();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /**
   * The first line, logged already or to come, that `matches`. Fails with the last lines of the log
   * after `timeout` milliseconds, or when the process ends without such a line.
   */
  async waitForLog(matches: (line: LogLine) => boolean, timeout = 10_000): Promise<LogLine> {
    let expired = false;
    let wake = () => {};
    const timer = setTimeout(() => {
      expired = true;
      wake();
    }, timeout);
    try {
      for (let seen = 0;;) {
        for (; seen < this.log.length; seen++) if (matches(this.log[seen])) return this.log[seen];
        if (expired || this.#ended) throw new Error(this.#complaint(expired ? `in ${timeout} ms` : "before its end"));
        await new Promise<void>((resolve) => {
          wake = resolve;
          this.#waiting.add(resolve);
        });
        this.#waiting.delete(wake);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  kill(signal: Deno.Signal = "SIGTERM"): void {
    try {
      this.#child.kill(signal);
    } catch {
      // It ended by itself.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.status;
    await this.#read;
  }

  async #readLog(): Promise<void> {
    const lines = this.#child.stderr.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    for await (const text of lines) {
      const line = parse(text);
      this.log.push(line);
      this.url ||= announced(line);
      this.#wakeAll();
    }
    this.#ended = true;
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const wake of this.#waiting) wake();
  }

  #complaint(when: string): string {
    const last = this.log.slice(-15).map((line) => `  ${JSON.stringify(line)}`).join("\n");
    return `The runner did not log the expected line ${when}. Its last lines:\n${last}`;
  }
}

/** Starts a runner and waits until its HTTP API is announced. */
export async function startRunner(options: RunnerProcessOptions): Promise<RunnerProcess> {
  const runner = new RunnerProcess(options);
  try {
    await runner.waitForLog((line) => announced(line) !== "", options.startTimeout ?? 20_000);
    return runner;
  } catch (error) {
    await runner[Symbol.asyncDispose]();
    throw error;
  }
}

/** The environment of the tests without Warren's own options: whoever runs them may have set some, and so does a test. */
function surroundings(): Record<string, string> {
  const env = Deno.env.toObject();
  for (const { env: name } of OPTIONS) for (const suffix of ["", "_FILE"]) delete env[name + suffix];
  return env;
}

function announced(line: LogLine): string {
  if (!line.message.startsWith("HTTP API at")) return "";
  const url = line.message.match(/https?:\/\/\S+/)?.[0] ?? String(line.url ?? "");
  return url.replace(/[/.,]+$/, "");
}

function parse(text: string): LogLine {
  try {
    const value = JSON.parse(text);
    if (typeof value?.message === "string") return value;
  } catch {
    // Not ours: an error of Deno itself, for one.
  }
  return { level: "raw", message: text };
}
