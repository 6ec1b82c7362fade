import type { Context, ContextLog, MessageProperties, PublishOptions } from "../mod.ts";
import { encodeBody } from "../invocation/codec.ts";
import type { Publication } from "../invocation/sandbox.ts";

/** What a handler's context asks of the world outside its sandbox. */
export interface ContextHost {
  log(level: string, message: string, fields: Record<string, unknown> | undefined): void;
  publish(publication: Publication): Promise<void>;
}

/** The context of one invocation. Its signal is made when it is first asked for: most handlers never do. */
export class InvocationContext implements Context {
  readonly attempt: number;
  readonly #host: ContextHost;
  readonly #deadline: number;
  #controller: AbortController | undefined;
  #log: ContextLog | undefined;
  #abortReason: unknown;

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

  async publish(body: unknown, options: PublishOptions): Promise<void> {
    if (typeof options?.routingKey !== "string") {
      throw new TypeError(
        `context.publish() needs a routingKey, a string; it got ${Deno.inspect(options?.routingKey)}`,
      );
    }
    const { exchange = "", routingKey, headers = {}, ...given } = options;
    const encoded = encodeBody(body);
    const properties: MessageProperties = {
      deliveryMode: 2,
      messageId: crypto.randomUUID(),
      timestamp: new Date(),
      ...(encoded.contentType ? { contentType: encoded.contentType } : {}),
      ...given,
    };
    await this.#host.publish({ exchange, routingKey, headers, properties, body: encoded.body });
  }
}
