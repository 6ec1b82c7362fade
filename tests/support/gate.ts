import { join } from "node:path";

/** Holds handlers until the test opens it: a file that a function waits for. */
export class Gate implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<Gate> {
    return new Gate(await Deno.realPath(await Deno.makeTempDir({ prefix: "warren-gate-" })));
  }

  /** For a function's `permissions`. */
  get permissions(): string {
    return `{ read: [${JSON.stringify(this.#folder)}] }`;
  }

  /** A statement for an async handler: it goes on once the gate is open. */
  get wait(): string {
    const file = JSON.stringify(join(this.#folder, "open"));
    return `while (!(await Deno.stat(${file}).catch(() => null))) await new Promise((go) => setTimeout(go, 20));`;
  }

  /** An expression: whether the gate is open. */
  get isOpen(): string {
    const file = JSON.stringify(join(this.#folder, "open"));
    return `(() => { try { return Deno.statSync(${file}).isFile; } catch { return false; } })()`;
  }

  /** A function of that queue, one message at a time, that says "begun", waits, and says "handled". */
  functionFor(queue: string): string {
    return `
      export const config = { queue: "${queue}", concurrency: 1, permissions: ${this.permissions} };
      export default async (message, context) => {
        context.log.info("begun");
        ${this.wait}
        context.log.info("handled", { body: message.body });
      };`;
  }

  async open(): Promise<void> {
    await Deno.writeTextFile(join(this.#folder, "open"), "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}
