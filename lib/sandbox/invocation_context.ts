import type { Context, ContextLog, MessageProperties, PublishOptions } from "../mod.ts";
import { encodeBody } from "../invocation/codec.ts";
import { MAX_OUTPUT_BYTES, MAX_OUTPUTS, type Publication } from "../invocation/publication.ts";
import { parseDuration } from "../duration.ts";

/** What a handler's context asks of the world outside its sandbox. */
export interface ContextHost {
  log(level: string, message: string, fields: Record<string, unknown> | undefined): void;
}

/** The context of one invocation. Its signal is made when it is first asked for: most handlers never do. */
export class InvocationContext implements Context {
  readonly attempt: number;
  readonly #host: ContextHost;
  readonly #deadline: number;
  #controller: AbortController | undefined;
  #log: ContextLog | undefined;
  #abortReason: unknown;
  readonly #outputs: Publication[] = [];
  #outputBytes = 0;

  constructor(host: ContextHost, attempt: number, deadline: number) {
    this.#host = host;
    this.attempt = attempt;
    this.#deadline = deadline;
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
    const at = (level: string) => (message: string, fields?: Record<string, unknown>) =>
      this.#host.log(level, String(message), fields);
    return this.#log ??= { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }

  abort(reason: unknown): void {
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }

  /** What was published, for when the handler has succeeded. */
  get outputs(): readonly Publication[] {
    return this.#outputs;
  }

  // deno-lint-ignore require-await -- what is wrong rejects, and is not thrown
  async publish(body: unknown, options: PublishOptions): Promise<void> {
    if (typeof options?.routingKey !== "string") {
      throw new TypeError(
        `context.publish() needs a routingKey, a string; it got ${Deno.inspect(options?.routingKey)}`,
      );
    }
    const { exchange = "", routingKey, headers = {}, delay = 0, ...given } = options;
    // What cannot leave the process is said here, where it was written.
    if (Object.keys(options).length > 1) structuredClone(options);
    const encoded = encodeBody(body);
    const properties: MessageProperties = {
      deliveryMode: 2,
      timestamp: new Date(),
      ...(encoded.contentType ? { contentType: encoded.contentType } : {}),
      ...given,
    };
    this.#outputBytes += encoded.body.length;
    if (this.#outputs.length >= MAX_OUTPUTS || this.#outputBytes > MAX_OUTPUT_BYTES) {
      throw new RangeError(`one invocation publishes at most ${MAX_OUTPUTS} messages with ${MAX_OUTPUT_BYTES} bytes`);
    }
    this.#outputs.push({ exchange, routingKey, headers, properties, body: encoded.body, delay: parseDuration(delay) });
  }
}
