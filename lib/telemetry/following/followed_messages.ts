import { TIMERS, type Timers } from "../../base/time/timers.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Ended, Observer } from "../../invocation/insight/ended.ts";
import type { MessageEvent } from "../../invocation/insight/message_event.ts";
import type { Invocation } from "../../invocation/sandbox.ts";
import { endingOf } from "./ending.ts";

export type Listener = (event: MessageEvent) => void;

export interface FollowedMessagesOptions {
  /** The name of this runner. */
  runner: string;
  /** @default TIMERS */
  timers?: Timers;
}

/** Messages that other runners follow, all in all, and runners that follow one message. */
const MOST_FOLLOWED = 1_000;
const MOST_FOLLOWERS = 50;
/** Milliseconds after which another runner that does not say so again follows no more. */
const LEASE = 10_000;

interface Followed {
  readonly listeners: Set<Listener>;
  /** Addresses of other runners, and until when they follow. */
  readonly elsewhere: Map<string, number>;
}

/**
 * The messages that somebody follows, here or in another runner. It observes what this runner does and hands on what concerns
 * them; while nobody follows anything that is one look at an empty map.
 */
export class FollowedMessages implements Observer {
  /** Sends an event to another runner. */
  send: (to: string, messageId: string, event: MessageEvent) => void = () => {};
  readonly #runner: string;
  readonly #timers: Timers;
  readonly #followed = new Map<string, Followed>();

  constructor({ runner, timers = TIMERS }: FollowedMessagesOptions) {
    this.#runner = runner;
    this.#timers = timers;
  }

  get size(): number {
    return this.#followed.size;
  }

  listen(messageId: string, listener: Listener): void {
    this.#of(messageId).listeners.add(listener);
  }

  leave(messageId: string, listener: Listener): void {
    const followed = this.#followed.get(messageId);
    followed?.listeners.delete(listener);
    this.#forgetIfAlone(messageId);
  }

  /** Another runner follows it, for a while. False where it was known, or too many are followed. */
  listenFor(address: string, messageId: string): boolean {
    const known = this.#followed.get(messageId);
    if (!known && this.#followed.size >= MOST_FOLLOWED) return false;
    const { elsewhere } = known ?? this.#of(messageId);
    const isNew = !elsewhere.has(address);
    if (isNew && elsewhere.size >= MOST_FOLLOWERS) return false;
    elsewhere.set(address, this.#timers.now() + LEASE);
    if (isNew) this.#timers.after(LEASE, () => this.#expire(messageId, address));
    return isNew;
  }

  /** What happened to a message in another runner. */
  heard(messageId: string, event: MessageEvent): void {
    for (const listener of this.#followed.get(messageId)?.listeners ?? []) listener(event);
  }

  started({ name }: FunctionDefinition, { properties, attempt }: Invocation, startedAt: number): boolean {
    if (this.#followed.size === 0) return false;
    return this.#tell(properties.messageId, () => {
      return { kind: "running", function: name, runner: this.#runner, attempt, startedAt };
    });
  }

  progressed({ name }: FunctionDefinition, { properties, attempt }: Invocation, value: unknown): void {
    this.#tell(properties.messageId, () => ({ kind: "progress", function: name, attempt, value }));
  }

  ended(ended: Ended): void {
    if (this.#followed.size === 0) return;
    this.#tell(ended.invocation.properties.messageId, () => endingOf(ended));
  }

  #tell(messageId: string | undefined, make: () => MessageEvent): boolean {
    const followed = messageId === undefined ? undefined : this.#followed.get(messageId);
    if (!followed) return false;
    const event = make();
    for (const listener of followed.listeners) listener(event);
    for (const address of followed.elsewhere.keys()) this.send(address, messageId!, event);
    return true;
  }

  #expire(messageId: string, address: string): void {
    const elsewhere = this.#followed.get(messageId)?.elsewhere;
    const until = elsewhere?.get(address);
    if (until === undefined) return;
    const left = until - this.#timers.now();
    if (left > 0) return void this.#timers.after(left, () => this.#expire(messageId, address));
    elsewhere!.delete(address);
    this.#forgetIfAlone(messageId);
  }

  #forgetIfAlone(messageId: string): void {
    const followed = this.#followed.get(messageId);
    if (followed?.listeners.size === 0 && followed.elsewhere.size === 0) this.#followed.delete(messageId);
  }

  #of(messageId: string): Followed {
    let followed = this.#followed.get(messageId);
    if (!followed) this.#followed.set(messageId, followed = { listeners: new Set(), elsewhere: new Map() });
    return followed;
  }
}
