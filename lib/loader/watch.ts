import { basename, dirname, join, resolve } from "node:path";
import { describeError, WarrenError } from "../base/errors.ts";
import { wayTo } from "./links.ts";

export interface WatchOptions {
  /** The local files and folders that the functions depend on now, including missing ones. */
  files: () => string[];
  /** A burst of changes ends after this many milliseconds without a change. @default 80 */
  debounce?: number;
  /** Milliseconds between checks of links that the system cannot watch. @default 1000 */
  poll?: number;
  /** @default `Deno.watchFs` */
  watchFs?: typeof Deno.watchFs;
  /** Whether a folder is readable. @default it is tried */
  readable?: (folder: string) => boolean;
  signal: AbortSignal;
}

/** A burst that does not end is reported after this many times the debounce. */
const MAX_BURST = 10;
/** Temporary files that editors leave beside the saved file. */
const LEFTOVER = /(~|\.sw[a-z]|\.tmp)$/;

/**
 * Opens the watches. Returns an iterator that yields once after each burst of changes in the folder, in imported files,
 * or in a link on the way to them, until the signal aborts. Changes before the first yield, or while the consumer is
 * busy, cause one more yield. The folder may disappear and return.
 *
 * @throws {WarrenError} `config` if the system has no watches left
 */
export async function watchFunctions(dir: string, options: WatchOptions): Promise<AsyncGenerator<void>> {
  const { files, debounce = 80, signal, poll = 1_000, watchFs = Deno.watchFs, readable = isReadable } = options;
  const bursts = new Bursts(debounce, signal);
  const watch = new Watch(resolve(dir), () => bursts.add(), { poll, watchFs, readable });
  const end = () => {
    watch.close();
    bursts.close();
  };
  signal.addEventListener("abort", end, { once: true });
  try {
    if (!signal.aborted) await watch.aim(files());
    if (signal.aborted) end();
  } catch (error) {
    end();
    throw error;
  }
  return changes(watch, bursts, { files, signal });
}

async function* changes(
  watch: Watch,
  bursts: Bursts,
  { files, signal }: Pick<WatchOptions, "files" | "signal">,
): AsyncGenerator<void> {
  try {
    while (!signal.aborted) {
      // Changes before a folder was watched, or events still pending from the old watches, would be missed.
      if (await watch.aim(files())) bursts.add();
      if (!await bursts.next()) return;
      // The watches are renewed before the yield: later changes belong to the next burst.
      await watch.aim(files());
      yield;
    }
  } finally {
    watch.close();
    bursts.close();
  }
}

/** Merges many events into one. */
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

  /** Resolves to true after a burst, and to false once the signal aborts. */
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

type System = Required<Pick<WatchOptions, "watchFs" | "poll" | "readable">>;

/** What matters in a folder: everything, or only these names. */
type Interest = "all" | Set<string>;

/**
 * The system's watches on the folders that decide what the functions are: those with modules, and those with a link on
 * the way to one. A watch stays with the folder that it was opened on, so swapped links and folders that were created
 * again need new watches.
 */
class Watch {
  readonly #root: string;
  readonly #changed: () => void;
  readonly #options: System;
  readonly #watchers: Deno.FsWatcher[] = [];
  /** Each promise resolves once its watcher is closed. */
  readonly #listening: Promise<void>[] = [];
  #interests = new Map<string, Interest>();
  #key = "";
  #stale = true;
  #closed = false;
  #polling: ReturnType<typeof setInterval> | undefined;

  constructor(root: string, changed: () => void, options: System) {
    this.#root = root;
    this.#changed = changed;
    this.#options = options;
  }

  /** Watches the folders that exist now. Resolves to false if they are the same as before. */
  async aim(files: string[]): Promise<boolean> {
    const interests = await interestsOf([this.#root, ...files]);
    const folders = [...interests.keys()].sort();
    const key = JSON.stringify(folders);
    this.#interests = interests;
    if (this.#closed || key === this.#key && !this.#stale) return false;
    this.#key = key;
    this.#stale = false;
    // Deno keeps one watch per path, so the one on a removed folder would replace the new one.
    this.#watchers.splice(0).forEach(close);
    await Promise.all(this.#listening.splice(0));
    if (!this.#closed) this.#open(folders);
    return true;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#polling);
    this.#watchers.forEach(close);
  }

  #open(folders: string[]): void {
    const { watchFs, readable } = this.#options;
    clearInterval(this.#polling);
    try {
      const watcher = watchFs(folders, { recursive: false });
      this.#watchers.push(watcher);
      this.#listening.push(this.#listen(watcher));
    } catch (cause) {
      if (cause instanceof Deno.errors.NotFound) {
        // The folder was removed meanwhile, so this tries again.
        return this.#again();
      }
      const hidden = cause instanceof Deno.errors.PermissionDenied ? folders.filter((folder) => !readable(folder)) : [];
      if (hidden.length === 0) {
        throw new WarrenError("config", `cannot watch ${folders.join(", ")}: ${describeError(cause)}`, { cause });
      }
      const seen = folders.filter((folder) => !hidden.includes(folder));
      if (seen.length > 0) this.#open(seen);
      this.#pollFor(hidden);
    }
  }

  /** Links in folders that are searchable but not readable cannot be watched, so their targets are polled. */
  #pollFor(hidden: string[]): void {
    const names = hidden.flatMap((folder) => {
      const interest = this.#interests.get(folder);
      return interest instanceof Set ? [...interest].map((name) => join(folder, name)) : [];
    });
    const look = () => JSON.stringify(names.map(placeOf));
    const before = look();
    clearInterval(this.#polling);
    this.#polling = setInterval(() => {
      if (look() !== before) this.#again();
    }, this.#options.poll);
  }

  /** Opens all watches again at the end of the burst. */
  #again(): void {
    this.#stale = true;
    this.#changed();
  }

  async #listen(watcher: Deno.FsWatcher): Promise<void> {
    try {
      for await (const { kind, paths, flag } of watcher) {
        // Too many events at once: some are lost.
        if (flag === "rescan") this.#again();
        if (kind === "access" || !paths.some((path) => this.#concerns(path))) continue;
        if (kind !== "modify") this.#stale = true;
        this.#changed();
      }
    } catch {
      // The system ended this watch, for example because its disk was removed. Opens another one.
      if (this.#watchers.includes(watcher)) this.#again();
    }
  }

  #concerns(path: string): boolean {
    if (this.#interests.has(path)) return true;
    const interest = this.#interests.get(dirname(path));
    return interest instanceof Set ? interest.has(basename(path)) : interest === "all" && !LEFTOVER.test(path);
  }
}

/** The folders on the way to these files and folders, and which names matter in each. */
async function interestsOf(paths: string[]): Promise<Map<string, Interest>> {
  const interests = new Map<string, Interest>();
  for (const { steps, folder } of await Promise.all([...new Set(paths)].map(wayTo))) {
    if (folder !== undefined) interests.set(folder, "all");
    for (const [at, name] of steps) {
      const interest = interests.get(at) ?? new Set<string>();
      interests.set(at, interest === "all" ? interest : interest.add(name));
    }
  }
  return interests;
}

function isReadable(folder: string): boolean {
  try {
    for (const _ of Deno.readDirSync(folder)) break;
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.PermissionDenied);
  }
}

/** The real path, as far as it can be found. */
function placeOf(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    return describeError(error);
  }
}

function close(watcher: Deno.FsWatcher): void {
  try {
    watcher.close();
  } catch {
    // It has ended already.
  }
}
