import { parseDuration } from "../../base/time/duration.ts";
import { encodeBody } from "../../invocation/content/codec.ts";
import {
  isMessageId,
  MAX_OUTPUT_BYTES,
  MAX_OUTPUTS,
  outputId,
  type Publication,
} from "../../invocation/publication.ts";
import type { Invocation } from "../../invocation/sandbox.ts";
import { eventData, writeCloudEvent } from "../../invocation/content/write_cloud_event.ts";
import type { EventOptions, MessageProperties, PublishOptions } from "../../mod.ts";

const NO_HEADERS: Record<string, unknown> = Object.freeze({});
let last: MessageProperties = {};
/** AMQP's timestamps have no smaller unit. */
let lastSecond = NaN;

/** What determines the content of a published message. */
type Written = Pick<Publication, "body" | "properties" | "headers">;

/** The messages that a handler publishes. They are kept until it has succeeded. */
export class Outbox {
  readonly #name: string;
  readonly #invocation: Invocation;
  readonly #outputs: Publication[] = [];
  #bytes = 0;

  /** @param name the function's name */
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
    const { exchange = "", routingKey, headers = NO_HEADERS, delay = 0, event, ...given } = options;
    // Values that cannot leave the process are reported here, where the handler wrote them.
    if (Object.keys(options).length > 1) structuredClone(options);
    const written = event === undefined ? plain(body, headers, given) : this.#event(body, { headers, given, event });
    this.#bytes += written.body.length;
    if (this.#outputs.length >= MAX_OUTPUTS || this.#bytes > MAX_OUTPUT_BYTES) {
      throw new RangeError(`one invocation publishes at most ${MAX_OUTPUTS} messages with ${MAX_OUTPUT_BYTES} bytes`);
    }
    const properties = propertiesOf(written.properties);
    const { body: bytes, headers: all } = written;
    this.#outputs.push({ exchange, routingKey, body: bytes, headers: all, properties, delay: parseDuration(delay) });
  }

  /** The event and its message share one id, unless the handler sets both. */
  #event(body: unknown, { headers, given, event }: Pick<PublishOptions, "headers"> & GivenEvent): Written {
    if (typeof event !== "object" || event === null) {
      throw new TypeError(`publish() needs the attributes of an event, an object; it got ${Deno.inspect(event)}`);
    }
    const invocation = this.#invocation;
    const messageId = given.messageId || outputId(invocation.properties.messageId, this.#outputs.length);
    const data = eventData(body, contentTypeOf(event, given));
    const written = writeCloudEvent(event, data, { id: messageId, name: this.#name, headers: invocation.headers });
    const id = !given.messageId && isMessageId(written.id) ? written.id : messageId;
    const properties = { ...given, contentType: written.contentType, messageId: id };
    return { body: written.body, headers: { ...written.headers, ...headers }, properties };
  }
}

interface GivenEvent {
  readonly given: MessageProperties;
  readonly event: EventOptions;
}

/** The same object for all messages of one second that have only a content type: a shared object is sent once. */
function propertiesOf(given: MessageProperties): MessageProperties {
  for (const name in given) if (name !== "contentType") return { deliveryMode: 2, timestamp: new Date(), ...given };
  const { contentType } = given;
  const now = Date.now();
  const second = Math.floor(now / 1_000);
  if (second === lastSecond && last.contentType === contentType) return last;
  lastSecond = second;
  return last = contentType === undefined
    ? { deliveryMode: 2, timestamp: new Date(now) }
    : { deliveryMode: 2, timestamp: new Date(now), contentType };
}

function plain(value: unknown, headers: Record<string, unknown>, given: MessageProperties): Written {
  const { body, contentType } = encodeBody(value);
  return { body, headers, properties: contentType ? { contentType, ...given } : given };
}

/** The content type of the data. A content encoding would apply to the whole body. */
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
