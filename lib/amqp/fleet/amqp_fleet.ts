import type { AnnouncedRunner, Announcement, Fleet, FleetAnswers, FleetNews } from "../../invocation/insight/fleet.ts";
import { TIMERS, type Timers } from "../../base/time/timers.ts";
import {
  announcedText,
  decodeMessage,
  encodeMessage,
  type FleetMessage,
  MOST_FUNCTIONS,
  MOST_HELD_BACK,
} from "./fleet_message.ts";
import type { Linked } from "./fleet_link.ts";
import { Questions } from "./questions.ts";
import { Roster } from "./roster.ts";

export interface AmqpFleetOptions {
  /** What this runner says of itself now. The id never changes. */
  describe: () => Announcement;
  link: Linked;
  /** Milliseconds between two announcements. @default 2_500 */
  interval?: number;
  /** Milliseconds of silence after which a runner is gone. @default 7_000 */
  goneAfter?: number;
  /** Milliseconds after which a runner that is gone leaves the list. @default 600_000 */
  forgetAfter?: number;
  /** Milliseconds between two announcements that say all, though nothing changed. @default 15_000 */
  renewal?: number;
  /** @default TIMERS */
  timers?: Timers;
  /** @default Math.random */
  random?: () => number;
}

/** Milliseconds. Those who answer a newcomer spread over this time. */
const SPREAD = 200;
/** Milliseconds within which changes are announced together. */
const SOON = 50;
/** Milliseconds to the next try to say hello. */
const HELLO_AGAIN = 250;

/**
 * All runners that share a broker and a virtual host, each with a queue of its own that gets what any of them says.
 *
 * 1. A runner that comes says hello; the others answer that they are here, to it alone.
 * 2. Every few seconds each says that it is here, with its functions, or only that it is alive where nothing changed.
 * 3. One that was not heard for a while is gone, and leaves the list later. One that stops says goodbye.
 * 4. A question goes to all of them; each answers to the one that asked.
 *
 * What this runner cannot hear says nothing about the others: while it has no connection, or the broker takes nothing from
 * anybody, nobody becomes gone.
 */
export class AmqpFleet implements Fleet, FleetNews {
  readonly #options: AmqpFleetOptions;
  readonly #timers: Timers;
  readonly #roster: Roster;
  readonly #questions: Questions;
  readonly #id: string;
  #cancelTick = () => {};
  #cancelSoon: (() => void) | undefined;
  readonly #heard = new Map<string, (value: unknown, from: string) => void>();
  readonly #greetings = new Set<() => void>();
  #helloDue = false;
  #said = "";
  #saidAt = -Infinity;
  #running = false;

  constructor(options: AmqpFleetOptions) {
    const { goneAfter = 7_000, forgetAfter = 600_000, timers = TIMERS, link } = options;
    const { id, name } = options.describe();
    this.#options = options;
    this.#timers = timers;
    this.#id = id;
    this.#roster = new Roster({ goneAfter, forgetAfter, now: () => timers.now() });
    this.#questions = new Questions({ id, name, reply: (to, answer) => void link.send(encodeMessage(answer), to) });
  }

  start(): void {
    this.#running = true;
    this.#tick();
  }

  /** Says goodbye. */
  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#cancelTick();
    this.#cancelSoon?.();
    for (const cancel of this.#greetings) cancel();
    this.#broadcast({ kind: "goodbye", id: this.#id });
  }

  runners(): readonly AnnouncedRunner[] {
    this.#excuse();
    const self = { ...this.#options.describe(), seenAt: Date.now(), gone: false, self: true };
    return [self, ...this.#roster.list()];
  }

  // deno-lint-ignore require-await -- what it throws is a rejection
  async ask<T>(
    question: string,
    payload: unknown,
    { limit = 1_000, signal }: { limit?: number; signal?: AbortSignal } = {},
  ): Promise<FleetAnswers<T>> {
    const { link } = this.#options;
    this.#excuse();
    const others = new Map(this.#roster.list().filter(({ gone }) => !gone).map(({ id, name }) => [id, name]));
    const send = (about: string) => {
      const replyTo = link.address;
      if (replyTo === undefined) return false;
      return this.#broadcast({ kind: "question", id: this.#id, about, replyTo, question, payload });
    };
    return this.#questions.ask(question, payload, { others, send, limit, signal }) as Promise<FleetAnswers<T>>;
  }

  answer(question: string, answer: (payload: unknown) => unknown): void {
    this.#questions.answer(question, answer);
  }

  tell(topic: string, value: unknown, to?: string): boolean {
    const { link } = this.#options;
    const from = link.address;
    if (from === undefined) return false;
    return link.send(encodeMessage({ kind: "news", id: this.#id, from, topic, value }), to);
  }

  hear(topic: string, heard: (value: unknown, from: string) => void): void {
    this.#heard.set(topic, heard);
  }

  /** Something changed that the others want to know now. */
  announceSoon(): void {
    if (this.#running) this.#announceIn(SOON);
  }

  /** The link hears the others again, who say that they are there once they are greeted. */
  up(): void {
    this.#roster.excuse();
    this.#helloDue = true;
    if (this.#running) this.#announce();
  }

  /** Somebody said something; it may be anything. */
  received(body: Uint8Array): void {
    const message = decodeMessage(body);
    if (!message) return;
    const id = "runner" in message ? message.runner.id : message.id;
    if (id === this.#id) return;
    switch (message.kind) {
      case "hello":
        this.#roster.heard(message.runner);
        return this.#greet(message.replyTo);
      case "here":
        return this.#roster.heard(message.runner);
      case "alive":
        return this.#roster.alive(id);
      case "goodbye":
        return this.#roster.goodbye(id);
      case "question":
        return void this.#questions.asked(message);
      case "news":
        return this.#heard.get(message.topic)?.(message.value, message.from);
      case "answer":
        return this.#questions.received(message);
    }
  }

  #tick(): void {
    this.#excuse();
    this.#announce();
    this.#cancelTick = this.#timers.after(this.#options.interval ?? 2_500, () => this.#tick());
  }

  #announce(): void {
    const { link: { address: replyTo }, renewal = 15_000 } = this.#options;
    const runner = this.#describe();
    const now = this.#timers.now();
    const said = JSON.stringify([runner.functions, runner.heldBack]);
    const hello = this.#helloDue && replyTo !== undefined;
    const old = hello || said !== this.#said || now - this.#saidAt >= renewal;
    if (!old) return void this.#broadcast({ kind: "alive", id: this.#id });
    const sent = this.#broadcast(hello ? { kind: "hello", runner, replyTo } : { kind: "here", runner });
    // The connection to speak on may come a moment after the one to hear on.
    if (!sent && hello) return this.#announceIn(HELLO_AGAIN);
    if (!sent) return;
    if (hello) this.#helloDue = false;
    this.#said = said;
    this.#saidAt = now;
  }

  #announceIn(ms: number): void {
    this.#cancelSoon ??= this.#timers.after(ms, () => {
      this.#cancelSoon = undefined;
      this.#announce();
    });
  }

  /** Announces this runner to a new one. If many are new at once, the next regular announcement has to do. */
  #greet(to: string): void {
    if (!this.#running || this.#greetings.size >= 100) return;
    const { random = Math.random, link } = this.#options;
    const cancel = this.#timers.after(random() * SPREAD, () => {
      this.#greetings.delete(cancel);
      link.send(encodeMessage({ kind: "here", runner: this.#describe() }), to);
    });
    this.#greetings.add(cancel);
  }

  #excuse(): void {
    const { up, blocked } = this.#options.link;
    if (!up || blocked) this.#roster.excuse();
  }

  #describe(): Announcement {
    const { functions, heldBack = [], ...runner } = this.#options.describe();
    const announced = functions.slice(0, MOST_FUNCTIONS).map(({ detail, ...each }) =>
      detail === undefined ? each : { ...each, detail: announcedText(detail) }
    );
    const most = heldBack.length <= MOST_HELD_BACK ? heldBack : heldBack.toSorted((a, b) => b.count - a.count);
    return { ...runner, functions: announced, heldBack: most.slice(0, MOST_HELD_BACK) };
  }

  #broadcast(message: FleetMessage): boolean {
    return this.#options.link.send(encodeMessage(message));
  }
}
