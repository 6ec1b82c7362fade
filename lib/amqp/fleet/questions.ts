import type { FleetAnswer, FleetAnswers } from "../../invocation/insight/fleet.ts";
import { describeError } from "../../base/errors.ts";
import { whenAborted } from "../client/unless_aborted.ts";
import { announcedText, type FleetMessage } from "./fleet_message.ts";
import { fitted } from "./fitted.ts";

type Question = Extract<FleetMessage, { kind: "question" }>;
type Answer = Extract<FleetMessage, { kind: "answer" }>;

/** Who is asked, and who waits for the answers. */
export interface Asked {
  /** The others that are there, by their ids. */
  readonly others: ReadonlyMap<string, string>;
  /** Sends the question to them; false where nobody can hear it. */
  send(about: string): boolean;
  /** Milliseconds. */
  readonly limit: number;
  readonly signal?: AbortSignal;
}

export interface QuestionsOptions {
  /** This runner. */
  id: string;
  name: string;
  /** Sends an answer. */
  reply: (to: string, answer: Answer) => void;
  /** Bytes of an answer. @default 1 MB */
  mostBytes?: number;
  /** Questions of others that are answered at the same time; more get no answer. @default 16 */
  mostAtOnce?: number;
}

interface Waiting {
  readonly missing: Map<string, string>;
  readonly answers: FleetAnswer<unknown>[];
  readonly silent: string[];
  done(): void;
}

/** Questions that this runner asked, and its answers to those of others. */
export class Questions {
  readonly #options: QuestionsOptions;
  readonly #known = new Map<string, (payload: unknown) => unknown>();
  readonly #waiting = new Map<string, Waiting>();
  #answering = 0;

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  answer(question: string, answer: (payload: unknown) => unknown): void {
    this.#known.set(question, answer);
  }

  /** Asks this runner and the others. */
  async ask(
    question: string,
    payload: unknown,
    { others, send, limit, signal }: Asked,
  ): Promise<FleetAnswers<unknown>> {
    const { id, name } = this.#options;
    const about = crypto.randomUUID();
    const { promise: over, resolve: done } = Promise.withResolvers<void>();
    const waiting: Waiting = { missing: new Map([[id, name], ...others]), answers: [], silent: [], done };
    this.#waiting.set(about, waiting);
    const timer = setTimeout(done, limit);
    const forget = signal && whenAborted(signal, done);
    try {
      if (others.size > 0 && !send(about)) { for (const other of others.keys()) this.#fail(waiting, other); }
      void this.#answerSelf(question, payload, waiting);
      await over;
    } finally {
      clearTimeout(timer);
      forget?.();
      this.#waiting.delete(about);
    }
    return { answers: waiting.answers, silent: [...waiting.silent, ...waiting.missing.values()] };
  }

  /** Another runner answered. */
  received({ id, about, name, value, leftOut, error }: Answer): void {
    const waiting = this.#waiting.get(about);
    // Only those that were asked count, and each of them once.
    if (!waiting?.missing.has(id)) return;
    if (error !== undefined) return this.#fail(waiting, id);
    waiting.answers.push({ runner: name, value, ...(leftOut ? { leftOut } : {}) });
    this.#end(waiting, id);
  }

  /** Another runner asks. */
  async asked({ about, replyTo, question, payload }: Question): Promise<void> {
    const { id, name, reply, mostAtOnce = 16 } = this.#options;
    if (this.#answering >= mostAtOnce) return;
    this.#answering++;
    const base = { kind: "answer", id, name, about } as const;
    try {
      const answer = fitted(await this.#answerTo(question, payload), this.#options.mostBytes);
      reply(replyTo, { ...base, ...answer });
    } catch (error) {
      reply(replyTo, { ...base, value: null, error: announcedText(describeError(error)) || "no answer" });
    } finally {
      this.#answering--;
    }
  }

  async #answerSelf(question: string, payload: unknown, waiting: Waiting): Promise<void> {
    const { id, name } = this.#options;
    try {
      const value = await this.#answerTo(question, payload);
      if (!waiting.missing.has(id)) return;
      waiting.answers.unshift({ runner: name, value });
      this.#end(waiting, id);
    } catch {
      this.#fail(waiting, id);
    }
  }

  #fail(waiting: Waiting, id: string): void {
    const name = waiting.missing.get(id);
    if (name !== undefined) waiting.silent.push(name);
    this.#end(waiting, id);
  }

  #end({ missing, done }: Waiting, id: string): void {
    missing.delete(id);
    if (missing.size === 0) done();
  }

  async #answerTo(question: string, payload: unknown): Promise<unknown> {
    const answer = this.#known.get(question);
    if (!answer) throw new Error(`this version of Warren does not know the question "${question}"`);
    return await answer(payload);
  }
}
