import { dirname, resolve, sep } from "node:path";
import { describeError, WarrenError } from "../errors.ts";

export interface WatchOptions {
  /** The local files that the functions depend on now; those outside the folder are watched too. */
  files: () => string[];
  /** How long nothing may happen before a burst of changes is over. Milliseconds. @default 80 */
  debounce?: number;
  signal: AbortSignal;
}

/** A burst without an end is reported after this many times the debounce. */
const MAX_BURST = 10;
/** What editors leave beside the file that they save. */
const LEFTOVER = /(~|\.sw[a-z]|\.tmp)$/;

/**
 * Yields once after each burst of changes in the folder, or to the files outside
 * it that functions import, until the signal aborts. Changes that come while the
 * consumer is busy are one more yield. The folder may go and come back.
 *
 * @throws {WarrenError} `config` when the system has no watches left
 */
export async function* watchFunctions(dir: string, options: WatchOptions): AsyncGenerator<void> {
  const { files, debounce = 80, signal } = options;
  const bursts = new Bursts(debounce, signal);
  const watch = new Watch(resolve(dir), () => bursts.add());
  try {
    await watch.aim(files());
    while (await bursts.next()) {
      // Watched again before the yield: what changes from here on is another burst.
      await watch.aim(files());
      yield;
      // What changed in a folder before it was watched, or was still on its way from the old watches, has no event.
      if (await watch.aim(files())) bursts.add();
    }
  } finally {
    watch.close();
    bursts.close();
  }
}

/** Turns many events into one at a time. */
class Bursts {
  readonly #debounce: number;
  readonly #signal: AbortSignal;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #began = 0;
  #over = false;
  #wake: (() => void) | undefined;

  constructor(debounce: number, signal: AbortSignal) {
    this.#debounce = debounce;
    this.#signal = signal;
    signal.addEventListener("abort", this.#abort);
  }

  add(): void {
    if (this.#timer === undefined) this.#began = Date.now();
    clearTimeout(this.#timer);
    const left = this.#began + this.#debounce * MAX_BURST - Date.now();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#over = true;
      this.#wake?.();
    }, Math.max(0, Math.min(this.#debounce, left)));
  }

  /** Resolves to true after the end of a burst, to false once the signal has aborted. */
  async next(): Promise<boolean> {
    if (!this.#over && !this.#signal.aborted) await new Promise<void>((resolve) => this.#wake = resolve);
    this.#over = false;
    return !this.#signal.aborted;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#signal.removeEventListener("abort", this.#abort);
  }

  readonly #abort = () => this.#wake?.();
}

/** The system's watches on the folder, on what is above it, and on the folders of files outside. */
class Watch {
  readonly #root: string;
  readonly #changed: () => void;
  #watchers: Deno.FsWatcher[] = [];
  #files = new Set<string>();
  #key = "";
  /** A watched folder came or went: a watch stays with what it was opened on, not with the path. */
  #stale = true;

  constructor(root: string, changed: () => void) {
    this.#root = root;
    this.#changed = changed;
  }

  /** Watches what is there now; resolves to false where that is the same as before. */
  async aim(files: string[]): Promise<boolean> {
    const outside = files.filter((file) => !isBelow(file, this.#root));
    const here = await nearestFolder(this.#root) === this.#root;
    const above = await Promise.all([this.#root, ...outside].map((path) => nearestFolder(dirname(path))));
    const folders = [...new Set(above)].sort();
    const key = JSON.stringify([here, folders]);
    this.#files = new Set(outside);
    if (key === this.#key && !this.#stale) return false;
    this.#key = key;
    this.#stale = false;
    const old = this.#watchers;
    this.#watchers = [];
    if (here) this.#open([this.#root], true);
    this.#open(folders, false);
    old.forEach(close);
    return true;
  }

  close(): void {
    this.#watchers.forEach(close);
  }

  #open(paths: string[], recursive: boolean): void {
    try {
      const watcher = Deno.watchFs(paths, { recursive });
      this.#watchers.push(watcher);
      void this.#listen(watcher);
    } catch (cause) {
      if (cause instanceof Deno.errors.NotFound) {
        // Gone since it was looked for: look again.
        this.#stale = true;
        this.#changed();
        return;
      }
      throw new WarrenError("config", `cannot watch ${paths.join(", ")}: ${describeError(cause)}`, { cause });
    }
  }

  async #listen(watcher: Deno.FsWatcher): Promise<void> {
    try {
      for await (const { kind, paths } of watcher) {
        if (kind === "access" || !paths.some((path) => this.#concerns(path))) continue;
        if (kind !== "modify" && paths.some((path) => this.#isAbove(path))) this.#stale = true;
        this.#changed();
      }
    } catch {
      // The system ended this watch, as when its disk is taken away: open another.
      if (!this.#watchers.includes(watcher)) return;
      this.#stale = true;
      this.#changed();
    }
  }

  #concerns(path: string): boolean {
    if (this.#files.has(path) || this.#isAbove(path)) return true;
    return isBelow(path, this.#root) && !LEFTOVER.test(path);
  }

  /** Whether the path is the folder, or a folder on the way to something that is watched. */
  #isAbove(path: string): boolean {
    return path === this.#root || isBelow(this.#root, path) || [...this.#files].some((file) => isBelow(file, path));
  }
}

async function nearestFolder(path: string): Promise<string> {
  const info = await Deno.stat(path).catch(() => undefined);
  return info?.isDirectory || dirname(path) === path ? path : await nearestFolder(dirname(path));
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function close(watcher: Deno.FsWatcher): void {
  try {
    watcher.close();
  } catch {
    // It has ended by itself.
  }
}
