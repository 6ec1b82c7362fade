import { buildah, exitCodeIn, type ImageConfig, runContainer, runReadOnly } from "./buildah.ts";
import { eventually } from "./eventually.ts";
import { TextLineStream } from "./text_lines.ts";
import { uniqueName } from "./unique.ts";

/** One container of the image that runs `start`, and what it logs; killed and removed when disposed of. */
export class RunnerContainer implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #id: string;
  readonly #image: ImageConfig;
  readonly #mark: string;
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<void>;

  private constructor(id: string, image: ImageConfig, mark: string, child: Deno.ChildProcess) {
    this.#id = id;
    this.#image = image;
    this.#mark = mark;
    this.#child = child;
    this.#read = this.#readLines();
  }

  /** `readOnly`: with a root file system that nothing can be written to but /tmp. */
  static async start(
    tag: string,
    image: ImageConfig,
    variables: Record<string, string>,
    readOnly = false,
  ): Promise<RunnerContainer> {
    const id = (await buildah("from", "--pull-never", tag)).trim();
    const mark = uniqueName("runner");
    const env = { ...variables, LOG_FORMAT: "json", CONNECTION_NAME: mark };
    const child = readOnly ? await runReadOnly(id, image, { env }) : runContainer(id, image, env);
    return new RunnerContainer(id, image, mark, child);
  }

  /** Waits for a line with `text`. */
  async waitForLog(text: string, timeout = 30_000): Promise<void> {
    try {
      await eventually(() => this.lines.some((line) => line.includes(text)), { timeout, what: `"${text}" in the log` });
    } catch (error) {
      throw new Error(`a container did not log "${text}":\n${this.lines.slice(-15).join("\n")}`, { cause: error });
    }
  }

  /** Runs the image's health check beside the runner, on `port` or where the runner listens; gives its exit code. */
  async healthCheck(port?: string): Promise<number> {
    const [kind, ...command] = this.#image.Healthcheck?.Test ?? [];
    if (kind !== "CMD") throw new Error(`the image's health check is no command: ${kind}`);
    await this.waitForLog("HTTP API at");
    const listening = this.lines.join("\n").match(/HTTP API at http:\/\/[^\s/]*:(\d+)/)?.[1];
    return await exitCodeIn(this.#id, { PORT: port ?? listening ?? "" }, command);
  }

  /** The bodies that its function logged as handled. */
  handled(): string[] {
    return this.lines.flatMap((line) => /"handled (\d+)"/.exec(line)?.[1] ?? []);
  }

  /** Kills the runner itself, as an engine would; its function's process has to notice. */
  async kill(): Promise<void> {
    await this.#signal("SIGKILL");
    await this.#child.status;
  }

  /** SIGTERM, and the exit code. */
  async stop(): Promise<number> {
    await this.#signal("SIGTERM");
    return (await this.#child.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    let ended = false;
    this.#child.status.then(() => ended = true);
    // Again and again: it may not have come up to the runner yet.
    await eventually(async () => {
      await this.#signal("SIGKILL");
      return ended;
    });
    await this.#read;
    await buildah("rm", this.#id);
  }

  /** Found by a variable of theirs: such containers share this machine's processes. */
  async #signal(signal: Deno.Signal): Promise<void> {
    for await (const { name } of Deno.readDir("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      const env = await Deno.readTextFile(`/proc/${name}/environ`).catch(() => "");
      const command = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
      if (!env.includes(`CONNECTION_NAME=${this.#mark}\0`) || !/^(\S*\/)?deno\0/.test(command)) continue;
      try {
        Deno.kill(Number(name), signal);
      } catch {
        // It ended by itself.
      }
    }
  }

  async #readLines(): Promise<void> {
    const lines = this.#child.stderr.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    for await (const line of lines) this.lines.push(line);
  }
}
