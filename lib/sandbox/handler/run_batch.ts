import { encodeBody } from "../../invocation/content/codec.ts";
import type { Publication } from "../../invocation/publication.ts";
import type { BatchHandler, BatchMessage, CloudEvent, Duration, Message, PublishOptions } from "../../mod.ts";
import type { BatchContext } from "./invocation_context.ts";
import type { Started } from "../wire/invocations.ts";
import type { Loaded } from "./loaded.ts";
import { type Effect, onceArguments, type OnceEffects, type OnceLine } from "./once_effects.ts";
import { Outbox } from "./outbox.ts";
import { progressText } from "./progress.ts";
import { type HandlerResult, readMessage, thrown } from "./run_handler.ts";

/** The outcome of one message of a batch. */
export interface Settled {
  readonly id: number;
  readonly result: HandlerResult;
  readonly outputs: readonly Publication[];
}

/** One message of a batch. The first call of `ack()`, `retry()` or `reject()` wins. */
class Settling implements BatchMessage {
  readonly #started: Started;
  readonly #outbox: Outbox;
  readonly #effects: OnceEffects;
  readonly #lineFor: (id: number) => OnceLine;
  readonly #progress: (id: number, text: string) => void;
  #line: OnceLine | undefined;
  #result: HandlerResult | undefined;

  constructor(
    name: string,
    started: Started,
    message: Message,
    effects: OnceEffects,
    lineFor: (id: number) => OnceLine,
    progress: (id: number, text: string) => void,
  ) {
    this.#started = started;
    this.#progress = progress;
    this.#outbox = new Outbox(name, started);
    this.#effects = effects;
    this.#lineFor = lineFor;
    Object.assign(this, message);
  }

  declare readonly body: unknown;
  declare readonly raw: Uint8Array;
  declare readonly headers: Record<string, unknown>;
  declare readonly properties: Message["properties"];
  declare readonly exchange: string;
  declare readonly routingKey: string;
  declare readonly redelivered: boolean;
  declare readonly attempt: number;
  declare readonly event?: CloudEvent;

  ack(result?: unknown): void {
    if (this.#result) return;
    try {
      const wanted = this.#started.wantsResult && result !== undefined;
      this.#result = wanted ? { kind: "completed", result: encodeBody(result) } : { kind: "completed" };
    } catch (error) {
      this.#result = thrown(error);
    }
  }

  retry(options: { delay?: Duration; reason?: string } = {}): void {
    const { delay, reason = "the handler asked for a retry" } = options;
    this.#result ??= thrown(Object.assign(new Error(reason), { name: "Retry", delay }));
  }

  reject(reason = "the handler rejected it"): void {
    this.#result ??= thrown(Object.assign(new Error(reason), { name: "Reject" }));
  }

  progress(value: unknown): void {
    this.#progress(this.#started.id, progressText(value));
  }

  publish(body: unknown, options: PublishOptions): Promise<void> {
    return this.#outbox.publish(body, options);
  }

  /** Sends to the runner, for the message's own invocation. */
  get line(): OnceLine {
    return this.#line ??= this.#lineFor(this.#started.id);
  }

  once<T>(key: string, effect: () => T | Promise<T>): Promise<T>;
  once<T>(effect: () => T | Promise<T>): Promise<T>;
  async once(...given: [string, Effect] | [Effect]): Promise<unknown> {
    const { key, effect } = onceArguments(given, this.#started.properties.messageId);
    return await this.#effects.run(this.line, key, effect);
  }

  /** The message's own outcome, or that of the batch. */
  settled(whole: HandlerResult): Settled {
    const result = this.#result ?? whole;
    return { id: this.#started.id, result, outputs: result.kind === "completed" ? this.#outbox.outputs : [] };
  }
}

/**
 * Runs a handler on a batch. Messages that cannot be read are settled on their own and left out. Messages that the handler
 * does not settle follow its return or its throw. Never rejects.
 *
 * @param lineFor the way of an invocation's `once()` to the runner
 * @param progress gets how far an invocation is, in JSON
 */
export async function runBatch(
  loaded: Loaded,
  batch: readonly Started[],
  context: BatchContext,
  lineFor: (id: number) => OnceLine,
  onSettled: (settled: Settled) => void,
  progress: (id: number, text: string) => void,
): Promise<void> {
  const messages: Settling[] = [];
  for (const started of batch) {
    const read = await readMessage(started, loaded);
    if (read.result) onSettled({ id: started.id, result: read.result, outputs: [] });
    else messages.push(new Settling(loaded.name, started, read.message, context.effects, lineFor, progress));
  }
  if (messages.length === 0) return;
  context.line = messages[0].line;
  let whole: HandlerResult = { kind: "completed" };
  try {
    const handler = loaded.handler as BatchHandler;
    await handler(messages, context);
  } catch (error) {
    whole = thrown(error, loaded.grants);
  }
  for (const message of messages) onSettled(message.settled(whole));
}
