import { describeError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Fragment } from "../parts/layout.tsx";

/** Makes every part of a page that changes, as it is now. */
export type Render = (signal: AbortSignal) => Promise<readonly Fragment[]>;

/** Takes what changed. Rejects where its reader is gone; resolves once it can take more. */
export type Send = (changed: readonly Fragment[]) => Promise<void>;

interface Reader {
  readonly send: Send;
  readonly leave: (why: string) => void;
  /** What this reader has, by the id of the element. */
  readonly has: Map<string, string>;
  /** Since when the last of it is on its way; undefined where it arrived. */
  sending: number | undefined;
}

export interface LiveChannelOptions {
  /** Milliseconds between two looks. */
  readonly interval: number;
  /** Milliseconds after which a reader that takes nothing is cut off. */
  readonly patience: number;
  readonly log?: Logger;
  /** Its last reader left: nothing of it runs any more. */
  readonly onClose: () => void;
}

/** All readers of one page: it is rendered once for all of them, and each gets what it does not have yet. */
export class LiveChannel {
  readonly #render: Render;
  readonly #options: LiveChannelOptions;
  readonly #readers = new Set<Reader>();
  readonly #stop = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #fragments: readonly Fragment[] | undefined;

  constructor(render: Render, options: LiveChannelOptions) {
    this.#render = render;
    this.#options = options;
    void this.#tick();
  }

  get closed(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Resolves with the reason why it ended. */
  async join(send: Send, signal: AbortSignal): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    const reader: Reader = { send, leave: resolve, has: new Map(), sending: undefined };
    const leave = () => resolve("gone");
    signal.addEventListener("abort", leave);
    if (signal.aborted) leave();
    this.#readers.add(reader);
    if (this.#fragments) this.#give(reader, this.#fragments);
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", leave);
      this.#readers.delete(reader);
      if (this.#readers.size === 0) this.#close();
    }
  }

  #close(): void {
    this.#stop.abort();
    clearTimeout(this.#timer);
    this.#options.onClose();
  }

  async #tick(): Promise<void> {
    const { signal } = this.#stop;
    try {
      const fragments = await this.#render(signal);
      this.#fragments = fragments.filter(({ append }) => !append);
      for (const reader of this.#readers) this.#give(reader, fragments);
    } catch (error) {
      if (!signal.aborted) {
        this.#options.log?.debug(`the console could not be brought up to date: ${describeError(error)}`);
      }
    }
    if (!signal.aborted) this.#timer = setTimeout(() => void this.#tick(), this.#options.interval);
  }

  /** A reader that is still busy with the last changes gets these together with the next ones. */
  #give(reader: Reader, fragments: readonly Fragment[]): void {
    const now = performance.now();
    if (reader.sending !== undefined) {
      if (now - reader.sending > this.#options.patience) reader.leave("slow");
      return;
    }
    const changed = fragments.flatMap((fragment) => newOf(reader.has, fragment));
    reader.sending = now;
    reader.send(changed).then(() => reader.sending = undefined, () => reader.leave("gone"));
  }
}

/** What of a fragment a reader does not have; it has it after that. */
function newOf(has: Map<string, string>, fragment: Fragment): Fragment[] {
  const { id, html, parts, append } = fragment;
  if (append) return [fragment];
  if (!parts) {
    if (has.get(id) === html) return [];
    has.set(id, html);
    return [fragment];
  }
  // Of a list, its order is remembered; its parts are remembered by themselves.
  const order = parts.map((part) => part.id).join(" ");
  const changed = parts.flatMap((part) => newOf(has, part));
  if (has.get(id) === order) return changed;
  has.set(id, order);
  return [fragment];
}
