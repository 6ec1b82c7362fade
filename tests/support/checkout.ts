import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** What a runner needs of the repository. */
const FILES = ["main.ts", "deno.json", "deno.lock", "lib"];
/** A user without rights, where the tests run as root. */
const NOBODY = 65_534;

/**
 * A copy of the repository with Deno's cache beside it, as where a service runs as a user of its own, which cannot write
 * the copy unless it is told otherwise. The user is without rights where the tests run as root, and else whoever runs them.
 */
export class Checkout implements AsyncDisposable {
  readonly path: string;
  /** Not root; undefined where that is so already. */
  readonly user: number | undefined = Deno.uid() === 0 ? NOBODY : undefined;
  readonly #place: string;

  private constructor(place: string) {
    this.#place = place;
    this.path = `${place}/warren`;
  }

  static async make({ writable = false } = {}): Promise<Checkout> {
    const checkout = new Checkout(await Deno.realPath(await Deno.makeTempDir({ prefix: "warren-checkout-" })));
    const { path, cache, home } = checkout;
    for (const folder of [path, cache, home]) await Deno.mkdir(folder);
    for (const file of FILES) await run("cp", "-R", `${ROOT}${file}`, path);
    const npm = `${await denoDir()}/npm`;
    await run("cp", "-R", npm, cache);
    await run("chmod", "-R", "a+rX", checkout.#place);
    await run("chmod", "-R", writable ? "a+w" : "a-w", path);
    await run("chmod", "-R", "a+w", cache, home);
    return checkout;
  }

  /** Deno's cache, which may be written. */
  get cache(): string {
    return `${this.#place}/cache`;
  }

  /** A folder that the user may write, for data. */
  get home(): string {
    return `${this.#place}/home`;
  }

  /** For a process of the user. */
  get env(): Record<string, string> {
    return { DENO_DIR: this.cache, HOME: this.home };
  }

  /** Writes functions into a folder that the user can read, and gives it. */
  async functions(files: Record<string, string>): Promise<string> {
    const folder = `${this.#place}/functions`;
    await Deno.mkdir(folder);
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
    return folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run("chmod", "-R", "u+w", this.#place);
    await Deno.remove(this.#place, { recursive: true });
  }
}

async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

async function run(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
