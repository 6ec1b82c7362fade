import type { Context, ContextLog, PublishOptions } from "../../mod.ts";
import type { Publication } from "../../invocation/publication.ts";
import { type Effect, onceArguments, OnceEffects, type OnceLine } from "./once_effects.ts";
import type { Invocation } from "../../invocation/sandbox.ts";
import { Outbox } from "./outbox.ts";
import { progressText } from "./progress.ts";

/** What a handler's context uses outside of its sandbox. */
export interface ContextHost {
  /** The function's name. */
  readonly name: string;
  log(of: Logging, level: string, message: string, fields: Record<string, unknown> | undefined): void;
  /** Called when the invocation's handler calls `once()` for the first time. */
  once(id: number): OnceLine;
  /** How far an invocation is, in JSON. */
  progress(id: number, text: string): void;
}

/** The invocation that a log line belongs to, and its number in its sandbox. */
export interface Logging {
  readonly id: number;
  readonly invocation: Invocation;
}

const NONE: readonly Publication[] = [];

/** The context of one invocation. Its parts are created on first use, since most handlers do not use them. */
export class InvocationContext implements Context {
  readonly attempt: number;
  readonly #host: ContextHost;
  readonly #id: number;
  readonly #invocation: Invocation;
  readonly #deadline: number;
  readonly #messageId: string | undefined;
  #controller: AbortController | undefined;
  #log: ContextLog | undefined;
  #abortReason: unknown;
  #outbox: Outbox | undefined;
  #effects: OnceEffects | undefined;
  #line: OnceLine | undefined;

  constructor(host: ContextHost, id: number, invocation: Invocation, deadline: number) {
    this.#host = host;
    this.#id = id;
    this.#invocation = invocation;
    this.attempt = invocation.attempt;
    this.#deadline = deadline;
    this.#messageId = invocation.properties.messageId;
  }

  get deadline(): Date {
    return new Date(this.#deadline);
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  get log(): ContextLog {
    if (this.#log) return this.#log;
    const of = { id: this.#id, invocation: this.#invocation };
    const at = (level: string) => (message: string, fields?: Record<string, unknown>) =>
      this.#host.log(of, level, String(message), fields);
    return this.#log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }

  progress(value: unknown): void {
    this.#host.progress(this.#id, progressText(value));
  }

  abort(reason: unknown): void {
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }

  /** The published messages, to be sent when the handler has succeeded. */
  get outputs(): readonly Publication[] {
    return this.#outbox?.outputs ?? NONE;
  }

  publish(body: unknown, options: PublishOptions): Promise<void> {
    this.#outbox ??= new Outbox(this.#host.name, this.#invocation);
    return this.#outbox.publish(body, options);
  }

  once<T>(key: string, effect: () => T | Promise<T>): Promise<T>;
  once<T>(effect: () => T | Promise<T>): Promise<T>;
  async once(...given: [string, Effect] | [Effect]): Promise<unknown> {
    const { key, effect } = onceArguments(given, this.#messageId);
    this.#effects ??= new OnceEffects();
    this.#line ??= this.#host.once(this.#id);
    return await this.#effects.run(this.#line, key, effect);
  }
}

/** The context of a batch. Publishing belongs to single messages, so it is done there. */
export class BatchContext implements Context {
  readonly inner: InvocationContext;
  /** Shared by the batch and its messages. */
  readonly effects = new OnceEffects();
  /** A batch has no number of its own in the runner. It uses that of its first message. */
  line: OnceLine | undefined;

  constructor(inner: InvocationContext) {
    this.inner = inner;
  }

  get signal(): AbortSignal {
    return this.inner.signal;
  }

  get log(): ContextLog {
    return this.inner.log;
  }

  get attempt(): number {
    return this.inner.attempt;
  }

  get deadline(): Date {
    return this.inner.deadline;
  }

  progress(): void {
    throw new TypeError("in a batch, use a message's own progress(): each message is followed by itself");
  }

  publish(): Promise<void> {
    return Promise.reject(new TypeError("in a batch, publish with a message's own publish(): its outputs are its own"));
  }

  once<T>(key: string, effect: () => T | Promise<T>): Promise<T>;
  once<T>(effect: () => T | Promise<T>): Promise<T>;
  async once(...given: [string, Effect] | [Effect]): Promise<unknown> {
    const [key, effect] = given;
    if (typeof key === "function") {
      throw new TypeError("in a batch, give once() a key, or use a message's own once(): its id is the key there");
    }
    if (!this.line) throw new TypeError("once() is for when the handler runs");
    return await this.effects.run(this.line, key, effect);
  }
}
