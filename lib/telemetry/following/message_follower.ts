import { WarrenError } from "../../base/errors.ts";
import { Backoff } from "../../base/time/backoff.ts";
import { TIMERS, type Timers } from "../../base/time/timers.ts";
import type { FleetNews } from "../../invocation/insight/fleet.ts";
import { isLast, type MessageEvent, type MessageEvents } from "../../invocation/insight/message_event.ts";
import type { RunSummary } from "../../invocation/insight/run.ts";
import type { OperatorView } from "../../invocation/insight/operator_view.ts";
import { stateAfter } from "./ending.ts";
import { EventQueue } from "./event_queue.ts";
import type { FollowedMessages } from "./followed_messages.ts";

export interface MessageFollowerOptions {
  news: FleetNews;
  /** The messages that are followed in this runner, and what it does. */
  followed: FollowedMessages;
  /** The records of all runners. */
  runs: Pick<OperatorView, "runs">;
  /** Tells of runs of that message that are under way in this runner. */
  running: (messageId: string) => void;
  /** Milliseconds between two announcements of what is followed here. @default 3_000 */
  renewal?: number;
  /** Streams that are open at the same time. @default 1_000 */
  most?: number;
  /** @default TIMERS */
  timers?: Timers;
}

/** What runners tell each other. */
const FOLLOW = "follow";
const HAPPENED = "happened";
const MOST_IDS = 1_000;
/** Milliseconds until the records are read again, about, and the longest pause after that. */
const FIRST_LOOK = 3_000;
const LONGEST_PAUSE = 60_000;
const NOT_HEARD = "its end was not heard, and records have no results";

/**
 * Follows messages over all runners.
 *
 * 1. A runner with a follower tells all runners, at once and every few seconds while the message is followed.
 * 2. Those that hear it for the first time tell what of it runs there now, and from then on what happens to it.
 * 3. What ended before is in the records. They are read after 1., so that nothing is missed in between.
 * 4. What runners tell is lost while a connection is down, or not there yet. So the end is looked for in the records again.
 */
export class MessageFollower implements MessageEvents {
  readonly #options: MessageFollowerOptions;
  readonly #timers: Timers;
  /** How many follow each message here. */
  readonly #ids = new Map<string, number>();
  #open = 0;
  #cancelRenewal = () => {};

  /** From here on, this runner tells the others what they follow. */
  constructor(options: MessageFollowerOptions) {
    this.#options = options;
    this.#timers = options.timers ?? TIMERS;
    const { news, followed } = options;
    followed.send = (to, messageId, event) => void news.tell(HAPPENED, { messageId, event }, to);
    news.hear(FOLLOW, (value, from) => this.#othersFollow(value, from));
    news.hear(HAPPENED, (value) => this.#happened(value));
  }

  follow(
    messageId: string,
    { function: name, signal }: { function?: string; signal: AbortSignal },
  ): AsyncIterable<MessageEvent> {
    const { most = 1_000 } = this.#options;
    if (this.#open >= most) {
      throw new WarrenError("unavailable", `${most} streams of events are open, and more are not possible`);
    }
    return this.#follow(messageId, name, signal);
  }

  async *#follow(messageId: string, name: string | undefined, signal: AbortSignal): AsyncGenerator<MessageEvent> {
    const queue = new EventQueue(name);
    const end = () => queue.end();
    let stopLooking = () => {};
    signal.addEventListener("abort", end, { once: true });
    this.#join(messageId, queue);
    try {
      if (signal.aborted) return;
      const newest = await this.#newestRun(messageId, name);
      // Without a record the message waits, or runs for the first time.
      const before: MessageEvent = newest ? stateAfter(newest, Date.now()) : { kind: "queued" };
      // What came meanwhile is newer.
      if (queue.size === 0) yield before;
      if (queue.size === 0 && isLast(before)) return;
      stopLooking = this.#lookAgain(messageId, name, queue, newest?.id);
      for (let event = await queue.next(); event; event = await queue.next()) yield event;
    } finally {
      stopLooking();
      signal.removeEventListener("abort", end);
      this.#leave(messageId, queue);
    }
  }

  async #newestRun(messageId: string, name: string | undefined): Promise<RunSummary | undefined> {
    const query = { messageId, function: name, limit: 1 };
    const [newest] = await this.#options.runs.runs(query).then(({ items }) => items, () => []);
    return newest;
  }

  /**
   * Looks for the end in the records, with growing pauses, until it is there or the returned function is called.
   *
   * @param known the id of the newest run at the start. It is no end of what runs now: the message may have been redriven
   */
  #lookAgain(messageId: string, name: string | undefined, queue: EventQueue, known: string | undefined): () => void {
    const backoff = new Backoff({ initial: FIRST_LOOK, max: LONGEST_PAUSE });
    let over = false;
    let cancel = () => {};
    const look = async () => {
      const newest = await this.#newestRun(messageId, name);
      if (over) return;
      const state = newest && newest.id !== known ? stateAfter(newest, Date.now()) : undefined;
      if (!state || !isLast(state)) return wait();
      queue.offer(state.kind === "done" ? { ...state, omitted: NOT_HEARD } : state);
    };
    const wait = () => void (cancel = this.#timers.after(backoff.next(), () => void look()));
    wait();
    return () => {
      over = true;
      cancel();
    };
  }

  #join(messageId: string, queue: EventQueue): void {
    const { followed, running, news } = this.#options;
    this.#open++;
    followed.listen(messageId, queue.offer);
    this.#ids.set(messageId, (this.#ids.get(messageId) ?? 0) + 1);
    if (this.#open === 1) this.#renew();
    running(messageId);
    news.tell(FOLLOW, { ids: [messageId], anew: true });
  }

  #leave(messageId: string, queue: EventQueue): void {
    this.#open--;
    this.#options.followed.leave(messageId, queue.offer);
    const left = this.#ids.get(messageId)! - 1;
    if (left > 0) this.#ids.set(messageId, left);
    else this.#ids.delete(messageId);
    if (this.#open === 0) this.#cancelRenewal();
  }

  #renew(): void {
    const { renewal = 3_000, news } = this.#options;
    this.#cancelRenewal = this.#timers.after(renewal, () => {
      news.tell(FOLLOW, { ids: [...this.#ids.keys()] });
      this.#renew();
    });
  }

  /** It may be anything: whoever reaches the exchange can say it. */
  #othersFollow(value: unknown, from: string): void {
    const { ids, anew } = (value ?? {}) as { ids?: unknown; anew?: unknown };
    if (!Array.isArray(ids) || ids.length > MOST_IDS) return;
    const { followed, running } = this.#options;
    for (const id of ids) {
      if (typeof id !== "string" || id.length > 255) continue;
      if (followed.listenFor(from, id) || anew === true) running(id);
    }
  }

  #happened(value: unknown): void {
    const { messageId, event } = (value ?? {}) as { messageId?: unknown; event?: unknown };
    if (typeof messageId !== "string" || !isEvent(event)) return;
    this.#options.followed.heard(messageId, event);
  }
}

const KINDS: unknown[] = ["queued", "running", "progress", "retrying", "done", "dead"] satisfies MessageEvent["kind"][];

function isEvent(value: unknown): value is MessageEvent {
  return typeof value === "object" && value !== null && "kind" in value && KINDS.includes(value.kind);
}
