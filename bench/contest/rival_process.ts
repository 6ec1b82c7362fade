import { TextLineStream } from "../../tests/support/text_lines.ts";
import { treeOf, usageOf } from "../cpu.ts";
import { held } from "../held.ts";
import type { Mark } from "../rivals/meter.ts";
import type { Run, Trial } from "./contender.ts";

/** How a peer is started. */
export interface RivalCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
  readonly cwd?: string;
}

/** Milliseconds from one mark to the next, at most. */
const LIMIT = 180_000;

/** A process of a peer that writes its marks to its standard output, line by line. */
export class RivalProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #errors: Promise<string>;
  readonly #started = performance.now();
  readonly #lines: ReadableStreamDefaultReader<string>;

  constructor({ command, args, env, cwd }: RivalCommand) {
    this.#child = new Deno.Command(command, {
      args: [...args],
      env,
      cwd,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      // A group of its own, so that all of it can be ended.
      detached: true,
    }).spawn();
    held.add(this);
    this.#errors = new Response(this.#child.stderr).text();
    const lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    this.#lines = lines.getReader();
  }

  /** Its marks until it is done, and what it has used by then. */
  async finish({ count, warm }: Pick<Trial, "count" | "warm">): Promise<Run> {
    const first = await this.#reached("first");
    // A short run is done when it is warm.
    const begun = count > warm ? await this.#reached("warm") : first;
    const done = await this.#reached("done");
    const { cpu, memory } = usageOf(treeOf(this.#child.pid));
    return { first, rate: (count - warm) * 1000 / (done - begun), cpu, memory };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    held.delete(this);
    try {
      Deno.kill(-this.#child.pid, "SIGKILL");
    } catch {
      // It ended by itself.
    }
    await this.#child.status;
    await this.#lines.cancel();
    await this.#errors;
  }

  /** Milliseconds from its start to that mark. Other lines are its own. */
  async #reached(mark: Mark): Promise<number> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), LIMIT);
    try {
      for (;;) {
        const { value, done } = await this.#lines.read();
        if (done) throw new Error(`it ended, or hung, before "${mark}": ${(await this.#errors).trim().slice(-2_000)}`);
        if (value.trim() === mark) return performance.now() - this.#started;
      }
    } finally {
      clearTimeout(timer);
    }
  }
}
