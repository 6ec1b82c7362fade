import type { Context } from "hono";
import type { Logger } from "../../base/log.ts";
import { Problem } from "../../http/problem.ts";
import type { Fragment } from "../parts/layout.tsx";
import { EventBody } from "./event_body.ts";
import { LiveChannel, type Render } from "./live_channel.ts";

/** So many pages at once are kept up to date; each costs a connection, and its part of the work. */
const MOST_STREAMS = 64;
const INTERVAL = 1_000;
const PATIENCE = 10_000;
/** Milliseconds of silence after which a comment shows whether the reader is still there. */
const SILENCE = 15_000;

export interface LiveStreamsOptions {
  /** @default 64 */
  readonly most?: number;
  /** Milliseconds between two looks. @default 1_000 */
  readonly interval?: number;
  /** Milliseconds after which a reader that takes nothing is cut off. @default 10_000 */
  readonly patience?: number;
  /** Ends all of them. */
  readonly closing?: AbortSignal;
  readonly log?: Logger;
}

/** The event streams of open pages. Pages with the same key share one channel; without readers nothing runs. */
export class LiveStreams {
  readonly #options: LiveStreamsOptions;
  readonly #channels = new Map<string, LiveChannel>();
  #open = 0;

  constructor(options: LiveStreamsOptions = {}) {
    this.#options = options;
  }

  /** How many are open. */
  get open(): number {
    return this.#open;
  }

  /** @throws {Problem} 503 where too many are open */
  stream(context: Context, key: string, render: Render): Response {
    const { most = MOST_STREAMS, closing } = this.#options;
    if (this.#open >= most) {
      const detail = `${most} pages are kept up to date already; close one, or reload this one by hand`;
      throw new Problem(503, "Service Unavailable", detail, { "retry-after": "30" });
    }
    this.#open++;
    const body = new EventBody();
    const signal = AbortSignal.any([body.gone, context.req.raw.signal, ...closing ? [closing] : []]);
    void this.#feed(body, this.#channel(key, render), signal).finally(() => this.#open--);
    return new Response(body.stream, {
      headers: { "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" },
    });
  }

  async #feed(body: EventBody, channel: LiveChannel, signal: AbortSignal): Promise<void> {
    let silentSince = performance.now();
    const send = async (changed: readonly Fragment[]) => {
      const text = changed.map(eventText).join("");
      if (text === "" && performance.now() - silentSince < SILENCE) return;
      silentSince = performance.now();
      await body.write(text === "" ? ": still here\n\n" : text);
    };
    const why = await channel.join(send, signal);
    if (why === "slow") body.cut("the reader takes nothing");
    else body.end();
  }

  #channel(key: string, render: Render): LiveChannel {
    const found = this.#channels.get(key);
    if (found && !found.closed) return found;
    const { interval = INTERVAL, patience = PATIENCE, log } = this.#options;
    const channel = new LiveChannel(render, {
      interval,
      patience,
      log,
      onClose: () => {
        if (this.#channels.get(key) === channel) this.#channels.delete(key);
      },
    });
    this.#channels.set(key, channel);
    return channel;
  }
}

/** One event of the stream: an element that replaces what is in the one with its id. */
function eventText({ id, html, tag = "div", append = false }: Fragment): string {
  const swap = append ? "beforeend" : "innerHTML";
  const element = `<${tag} id="${id}" hx-swap-oob="${swap}">${html}</${tag}>`;
  return `event: fragment\n${element.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`).join("")}\n`;
}
