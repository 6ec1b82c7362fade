import { parseDuration } from "../duration.ts";
import { encodeBody } from "../invocation/codec.ts";
import { isMessageId, MAX_OUTPUT_BYTES, MAX_OUTPUTS, outputId, type Publication } from "../invocation/publication.ts";
import type { Invocation } from "../invocation/sandbox.ts";
import { eventData, writeCloudEvent } from "../invocation/write_cloud_event.ts";
import type { EventOptions, MessageProperties, PublishOptions } from "../mod.ts";

/** What is published, as far as the body says. */
type Written = Pick<Publication, "body" | "properties" | "headers">;

/** What a handler publishes, kept until it has succeeded. */
export class Outbox {
  readonly #name: string;
  readonly #invocation: Invocation;
  readonly #outputs: Publication[] = [];
  #bytes = 0;

  /** @param name the function's */
  constructor(name: string, invocation: Invocation) {
    this.#name = name;
    this.#invocation = invocation;
  }

  get outputs(): readonly Publication[] {
    return this.#outputs;
  }

  // deno-lint-ignore require-await -- what is wrong rejects, and is not thrown
  async publish(body: unknown, options: PublishOptions): Promise<void> {
    if (typeof options?.routingKey !== "string") {
      throw new TypeError(`publish() needs a routingKey, a string; it got ${Deno.inspect(options?.routingKey)}`);
    }
    const { exchange = "", routingKey, headers = {}, delay = 0, event, ...given } = options;
    // What cannot leave the process is said here, where it was written.
    if (Object.keys(options).length > 1) structuredClone(options);
    const written = event === undefined ? plain(body, given) : this.#event(body, event, given);
    const properties = { deliveryMode: 2, timestamp: new Date(), ...written.properties };
    this.#bytes += written.body.length;
    if (this.#outputs.length >= MAX_OUTPUTS || this.#bytes > MAX_OUTPUT_BYTES) {
      throw new RangeError(`one invocation publishes at most ${MAX_OUTPUTS} messages with ${MAX_OUTPUT_BYTES} bytes`);
    }
    const all = { ...written.headers, ...headers };
    this.#outputs.push({
      exchange,
      routingKey,
      headers: all,
      properties,
      body: written.body,
      delay: parseDuration(delay),
    });
  }

  /** The event and its message have one id, unless they were given two. */
  #event(body: unknown, event: EventOptions, given: MessageProperties): Written {
    if (typeof event !== "object" || event === null) {
      throw new TypeError(`publish() needs the attributes of an event, an object; it got ${Deno.inspect(event)}`);
    }
    const type = contentTypeOf(event, given);
    const { messageId, headers } = { messageId: given.messageId, headers: this.#invocation.headers };
    const id = messageId || outputId(this.#invocation.properties.messageId, this.#outputs.length);
    const written = writeCloudEvent(event, eventData(body, type), { id, name: this.#name, headers });
    const { contentType } = written;
    const properties = { ...given, contentType, messageId: messageId || (isMessageId(written.id) ? written.id : id) };
    return { body: written.body, headers: written.headers, properties };
  }
}

function plain(value: unknown, given: MessageProperties): Written {
  const { body, contentType } = encodeBody(value);
  return { body, headers: {}, properties: contentType ? { contentType, ...given } : given };
}

/** The content type of the data; its encoding would be that of the whole. */
function contentTypeOf(event: EventOptions, { contentType, contentEncoding }: MessageProperties): string | undefined {
  const type: unknown = contentType ?? event.datacontenttype;
  if (type !== undefined && typeof type !== "string") {
    throw new TypeError(`the content type of an event is a string; it got ${Deno.inspect(type)}`);
  }
  if (contentEncoding !== undefined && event.mode === "structured") {
    throw new TypeError("a structured event cannot have a contentEncoding: it would be that of the data alone");
  }
  return type;
}
