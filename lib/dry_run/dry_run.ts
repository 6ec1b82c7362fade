import { describeError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { decodeBody } from "../invocation/content/codec.ts";
import type { FunctionDefinition } from "../invocation/definition/definition.ts";
import { assertMayPublish } from "../invocation/definition/publish_rules.ts";
import type { Next } from "../invocation/insight/ended.ts";
import type { RunLogLine } from "../invocation/insight/run.ts";
import type { OnceKeeping } from "../invocation/once_store.ts";
import type { Failure, Outcome, OutcomeKind } from "../invocation/outcome.ts";
import { outputId, type Publication } from "../invocation/publication.ts";
import { resultPublication } from "../invocation/result_publication.ts";
import { decide } from "../invocation/retry_policy.ts";
import type { DeliveredInvocation, Sandbox } from "../invocation/sandbox.ts";
import type { MessageProperties } from "../mod.ts";
import { MemoryStore } from "../once/memory_store.ts";
import { type DryMessage, toInvocation } from "./dry_message.ts";
import { LogRecorder } from "./log_recorder.ts";

/** A message that would have been published. */
export interface PublishedMessage {
  readonly exchange: string;
  readonly routingKey: string;
  /** Decoded by its content type. */
  readonly body: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly properties: MessageProperties;
  /** Milliseconds that the broker would hold it back. */
  readonly delay: number;
}

/** How one message fared in a dry run. */
export interface DryRunReport {
  readonly messageId: string;
  readonly attempt: number;
  readonly outcome: OutcomeKind;
  /** What the handler returned, after a way through its encoding: what a consumer of `output` would receive. */
  readonly result?: unknown;
  /** What would be published, in order; what the handler returned is the last one if the function has an `output`. */
  readonly published: readonly PublishedMessage[];
  /** The lines that the handler logged. In a batch, each report has those of the whole batch. */
  readonly logs: readonly RunLogLine[];
  /** The keys that `context.once()` has run or claimed so far. */
  readonly onceKeys: readonly string[];
  readonly error?: Failure;
  /** What would become of the message. Delays are without jitter, in milliseconds. */
  readonly next: Next;
  /** Milliseconds from the start to the outcome, the start of a process included. */
  readonly duration: number;
}

export interface DryRunOptions {
  readonly definition: FunctionDefinition;
  /** Makes the sandbox in which the handler runs. */
  open(log: Logger, once: OnceKeeping): Sandbox;
  /** Bytes of a published body. @default 16 MiB */
  readonly maxBody?: number;
  /** Called with each line that is logged, as it comes. @default nothing */
  readonly onLog?: (line: RunLogLine) => void;
}

/** Milliseconds that what still runs has when a dry run is closed. */
const GRACE = 1_000;
const KEEP = 86_400_000;

/**
 * Runs one function without a broker: the same sandbox, the same decoding, validation, time limit and retry policy, and a
 * report of all that would have been done. The keys of `context.once()` are kept in memory from one run to the next.
 */
export class DryRun implements AsyncDisposable {
  readonly #options: DryRunOptions;
  readonly #log: LogRecorder;
  readonly #store = new MemoryStore();
  readonly #sandbox: Sandbox;

  constructor(options: DryRunOptions) {
    this.#options = options;
    this.#log = new LogRecorder(options.onLog);
    this.#sandbox = options.open(this.#log, { store: this.#store, keep: KEEP });
  }

  /** Runs the handler with one message. Every way to fail is an outcome. @throws {TypeError} for a body that has no form */
  async run(message: DryMessage): Promise<DryRunReport> {
    const start = performance.now();
    const invocation = toInvocation(this.#options.definition, message);
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.#sandbox.invoke(invocation, resolve, undefined);
    return await this.#report(invocation, await promise, start);
  }

  /** Runs a batch's handler once with all messages. One report each, in their order. */
  async runBatch(messages: readonly DryMessage[]): Promise<DryRunReport[]> {
    const start = performance.now();
    const batch = messages.map((message) => toInvocation(this.#options.definition, message));
    const outcomes = await this.#sandbox.invokeBatch(batch);
    return await Promise.all(batch.map((invocation, index) => this.#report(invocation, outcomes[index], start)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sandbox.abort(GRACE);
    await this.#sandbox.close();
  }

  async #report(invocation: DeliveredInvocation, ended: Outcome, start: number): Promise<DryRunReport> {
    const duration = performance.now() - start;
    const { outcome, outputs } = this.#leave(invocation, ended);
    const { definition: { name, retry } } = this.#options;
    const { properties, attempt } = invocation;
    const returned = outcome.kind === "completed" ? outcome.result : undefined;
    return {
      messageId: properties.messageId!,
      attempt,
      outcome: outcome.kind,
      ...(returned && { result: await decodeBody(returned.body, { contentType: returned.contentType }) }),
      published: await Promise.all(outputs.map((output, index) => shown(output, properties.messageId, index))),
      logs: this.#log.lines.splice(0),
      onceKeys: this.#store.keys.map((key) => key.slice(name.length + 1)),
      ...("failure" in outcome && { error: outcome.failure }),
      ...(outcome.kind === "abandoned" && { error: { type: "Error", message: outcome.reason } }),
      next: toNext(decide(outcome, attempt, retry, () => 0.5)),
      duration,
    };
  }

  /** What a completed invocation publishes, checked as the runner checks it. */
  #leave(invocation: DeliveredInvocation, outcome: Outcome): { outcome: Outcome; outputs: readonly Publication[] } {
    if (outcome.kind !== "completed") return { outcome, outputs: [] };
    const { definition, maxBody = 16 * 1024 * 1024 } = this.#options;
    const outputs = [...outcome.outputs ?? []];
    try {
      for (const output of outputs) assertMayPublish(definition, output, maxBody);
      if (definition.output && outcome.result) {
        outputs.push(resultPublication(definition, invocation, outcome.result, { index: outputs.length, maxBody }));
      }
      return { outcome, outputs };
    } catch (error) {
      const failure = { type: "PublishError", message: describeError(error) };
      return { outcome: { kind: "failed", failure }, outputs: [] };
    }
  }
}

function toNext(disposition: ReturnType<typeof decide>): Next {
  switch (disposition.kind) {
    case "ack":
      return { kind: "ack" };
    case "retry":
      return { kind: "retry", delay: disposition.delay, attempt: disposition.attempt };
    case "deadLetter":
      return { kind: "deadLetter", reason: disposition.reason };
    case "requeue":
      return { kind: "return" };
  }
}

async function shown(output: Publication, messageId: string | undefined, index: number): Promise<PublishedMessage> {
  const { exchange, routingKey, body, headers, properties, delay } = output;
  const id = properties.messageId ?? outputId(messageId, index);
  const decoded = await Promise.try(() => decodeBody(body, properties, { headers })).catch(() => body);
  return { exchange, routingKey, body: decoded, headers, properties: { ...properties, messageId: id }, delay };
}
