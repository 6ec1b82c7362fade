import { parseDuration } from "../duration.ts";
import { encodeBody } from "../invocation/codec.ts";
import { MAX_OUTPUT_BYTES, MAX_OUTPUTS, type Publication } from "../invocation/publication.ts";
import type { MessageProperties, PublishOptions } from "../mod.ts";

/** What a handler publishes, kept until it has succeeded. */
export class Outbox {
  readonly #outputs: Publication[] = [];
  #bytes = 0;

  get outputs(): readonly Publication[] {
    return this.#outputs;
  }

  // deno-lint-ignore require-await -- what is wrong rejects, and is not thrown
  async publish(body: unknown, options: PublishOptions): Promise<void> {
    if (typeof options?.routingKey !== "string") {
      throw new TypeError(`publish() needs a routingKey, a string; it got ${Deno.inspect(options?.routingKey)}`);
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
    this.#bytes += encoded.body.length;
    if (this.#outputs.length >= MAX_OUTPUTS || this.#bytes > MAX_OUTPUT_BYTES) {
      throw new RangeError(`one invocation publishes at most ${MAX_OUTPUTS} messages with ${MAX_OUTPUT_BYTES} bytes`);
    }
    this.#outputs.push({ exchange, routingKey, headers, properties, body: encoded.body, delay: parseDuration(delay) });
  }
}
