import { encodeBody } from "../invocation/codec.ts";
import type { Publication } from "../invocation/publication.ts";
import type { BatchHandler, BatchMessage, CloudEvent, Context, Duration, Message, PublishOptions } from "../mod.ts";
import type { Started } from "./invocations.ts";
import type { Loaded } from "./loaded.ts";
import { Outbox } from "./outbox.ts";
import { type HandlerResult, readMessage, thrown } from "./run_handler.ts";

/** How one message of a batch ended. */
export interface Settled {
  readonly id: number;
  readonly result: HandlerResult;
  readonly outputs: readonly Publication[];
}

/** One message of a batch: the first word that is said of it counts. */
class Settling implements BatchMessage {
  readonly #started: Started;
  readonly #outbox: Outbox;
  #result: HandlerResult | undefined;

  constructor(name: string, started: Started, message: Message) {
    this.#started = started;
    this.#outbox = new Outbox(name, started);
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

  publish(body: unknown, options: PublishOptions): Promise<void> {
    return this.#outbox.publish(body, options);
  }

  /** What was said of it, or what became of the whole. */
  settled(whole: HandlerResult): Settled {
    const result = this.#result ?? whole;
    return { id: this.#started.id, result, outputs: result.kind === "completed" ? this.#outbox.outputs : [] };
  }
}

/**
 * Runs a handler on a batch. Messages that cannot be read are settled by themselves, and are not in it; what the handler
 * says nothing of follows its return or its throw. Never rejects.
 */
export async function runBatch(
  loaded: Loaded,
  batch: readonly Started[],
  context: Context,
  onSettled: (settled: Settled) => void,
): Promise<void> {
  const messages: Settling[] = [];
  for (const started of batch) {
    const read = await readMessage(started, loaded);
    if (read.result) onSettled({ id: started.id, result: read.result, outputs: [] });
    else messages.push(new Settling(loaded.name, started, read.message));
  }
  if (messages.length === 0) return;
  let whole: HandlerResult = { kind: "completed" };
  try {
    await (loaded.handler as BatchHandler)(messages, context);
  } catch (error) {
    whole = thrown(error);
  }
  for (const message of messages) onSettled(message.settled(whole));
}
