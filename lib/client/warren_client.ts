import { decodeBody, encodeBody } from "../invocation/content/codec.ts";
import type { Answer, CallOptions, EncodedMessage, Functions, PublishOptions, Transport } from "./functions.ts";

const TIMEOUT = 30_000;

/** A call ended without a result. */
export class CallError extends Error {
  override name = "CallError";
  /** `rejected`, `failed` …: how the invocation ended for good; `timeout` where no answer came in time. */
  readonly outcome: string;
  readonly messageId: string;

  constructor(outcome: string, message: string, messageId: string) {
    super(message);
    this.outcome = outcome;
    this.messageId = messageId;
  }
}

/** Publishes messages to functions and calls them. Its type parameter says which functions there are. */
export class WarrenClient<F extends Functions = Functions> implements AsyncDisposable {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Publishes a message to a function. Resolves with the message id once the broker has the message.
   *
   * @throws {WarrenError} `unroutable` if there is no such queue; `unavailable` or `refused` if the broker does not take it
   */
  async publish<Name extends keyof F & string>(
    name: Name,
    body: F[Name]["body"],
    options: PublishOptions = {},
  ): Promise<string> {
    const message = encode(body, options);
    await this.#transport.publish(name, message, options.signal);
    return message.messageId;
  }

  /**
   * Publishes a message to a function, and resolves with what its handler returned.
   *
   * @throws {CallError} if the message became a dead letter, or no answer came in time: the message may still run then
   */
  async call<Name extends keyof F & string>(
    name: Name,
    body: F[Name]["body"],
    options: CallOptions = {},
  ): Promise<F[Name]["result"]> {
    const { timeout = TIMEOUT, signal } = options;
    const message = encode(body, options);
    const answer = await this.#transport.call(name, message, timeout, signal);
    if (!answer) {
      const why = `"${name}" did not answer within ${timeout} ms; message ${message.messageId} may still run`;
      throw new CallError("timeout", why, message.messageId);
    }
    const value = await valueOf(answer);
    if (answer.outcome === "completed") return value as F[Name]["result"];
    const { error } = value as { error: { type: string; message: string } };
    throw new CallError(
      answer.outcome,
      `"${name}" ${answer.outcome}: ${error.type}: ${error.message}`,
      message.messageId,
    );
  }

  /** Closes the connection. Messages that were confirmed are with the broker. */
  async close(): Promise<void> {
    await this.#transport.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function encode(
  value: unknown,
  { messageId = crypto.randomUUID(), contentType, headers = {} }: PublishOptions,
): EncodedMessage {
  const encoded = encodeBody(value);
  return { body: encoded.body, contentType: contentType ?? encoded.contentType, messageId, headers };
}

async function valueOf({ body, contentType }: Answer): Promise<unknown> {
  return body.length === 0 ? undefined : await decodeBody(body, { contentType });
}
