import { join } from "node:path";

/** A small disk in memory, to be filled. */
export class TmpDisk implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Gives nothing where this user may not mount one. */
  static async mount(size: number): Promise<TmpDisk | undefined> {
    const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "warren-disk-" }));
    if (await run("mount", "-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path)) return new TmpDisk(path);
    await Deno.remove(path);
    return undefined;
  }

  /** Takes `size` bytes, or all that are left. */
  async fill(size = Infinity): Promise<void> {
    using file = await Deno.open(join(this.path, "filler"), { create: true, append: true });
    const bytes = new Uint8Array(64 * 1024);
    try {
      for (let left = size; left > 0;) left -= await file.write(bytes.subarray(0, Math.min(left, bytes.length)));
    } catch {
      // It is full.
    }
  }

  /** Gives back what `fill` took. */
  async free(): Promise<void> {
    await Deno.remove(join(this.path, "filler"));
  }

  /** Takes no writes from here on. */
  async makeReadOnly(): Promise<void> {
    if (!await run("mount", "-o", "remount,ro", this.path)) throw new Error(`${this.path} stays writable`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run("umount", "--lazy", this.path);
    await Deno.remove(this.path, { recursive: true });
  }
}

async function run(command: string, ...args: string[]): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output();
    return success;
  } catch {
    return false;
  }
}

const canMount = Deno.build.os === "linux" && Deno.uid() === 0;

/** A test with a disk of its own; skipped where this user may not mount one. */
export function withTmpDisk(name: string, size: number, test: (disk: TmpDisk) => Promise<void>): void {
  Deno.test(name, { ignore: !canMount }, async () => {
    await using disk = await TmpDisk.mount(size);
    if (disk) await test(disk);
    else console.log("skipped: no disk can be mounted here");
  });
}
