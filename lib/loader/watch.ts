import { delay } from "../backoff.ts";

export interface WatchOptions {
  /** Further files to watch: what functions import from outside the folder. */
  files: () => string[];
  /** Milliseconds without a further change before a burst of them is told. @default 60 */
  debounce?: number;
  signal: AbortSignal;
}

/**
 * Yields after each burst of changes below the folder or to one of the files,
 * until the signal aborts. A folder that goes away is waited for.
 */
export async function* watchFunctions(dir: string, options: WatchOptions): AsyncGenerator<void> {
  const { signal, debounce = 60 } = options;
  while (!signal.aborted) {
    let watcher: Deno.FsWatcher;
    try {
      watcher = Deno.watchFs(watched(await Deno.realPath(dir), options.files()));
    } catch {
      await delay(500, signal);
      yield;
      continue;
    }
    const close = () => watcher.close();
    signal.addEventListener("abort", close, { once: true });
    try {
      yield* bursts(watcher, debounce, signal);
    } finally {
      signal.removeEventListener("abort", close);
      if (!signal.aborted) watcher.close();
    }
  }
}

/** The folder, and the folders of the files that are elsewhere. */
function watched(root: string, files: readonly string[]): string[] {
  const elsewhere = files
    .filter((file) => !file.startsWith(`${root}/`) && !file.includes("/node_modules/"))
    .map((file) => file.slice(0, file.lastIndexOf("/")));
  return [...new Set([root, ...elsewhere])];
}

/** Ends when the folder itself goes, so that the caller watches the one that comes in its place. */
async function* bursts(watcher: Deno.FsWatcher, debounce: number, signal: AbortSignal): AsyncGenerator<void> {
  const events = watcher[Symbol.asyncIterator]();
  let next = events.next();
  while (!signal.aborted) {
    const { done, value } = await next;
    if (done) return;
    next = events.next();
    if (value.kind === "access") continue;
    for (;;) {
      const quiet = await Promise.race([next.then(() => false), delay(debounce).then(() => true)]);
      if (quiet || signal.aborted) break;
      const { done } = await next;
      if (done) return;
      next = events.next();
    }
    if (signal.aborted) return;
    yield;
  }
}
