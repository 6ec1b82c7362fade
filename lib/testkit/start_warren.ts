import { fileURLToPath } from "node:url";
import { Connection } from "../amqp/client/connection.ts";
import { toInvocation as read } from "../amqp/message/headers.ts";
import { retryQueue } from "../amqp/message/names.ts";
import { Publisher } from "../amqp/publishing/publisher.ts";
import { QueueAccess } from "../amqp/queue_access.ts";
import { WarrenError } from "../base/errors.ts";
import { Logger, type LogLevel } from "../base/log.ts";
import { delay } from "../base/time/backoff.ts";
import { decodeBody, encodeBody } from "../invocation/content/codec.ts";
import { detailOf } from "../invocation/dead_letters/dead_letter.ts";
import { rungsOf } from "../invocation/retry_policy.ts";
import type { MessageProperties } from "../mod.ts";
import { Runner } from "../runner/runner.ts";
import { localBrokerUrl, parseArguments } from "../settings/config.ts";
import type { Options } from "../settings/options.ts";

export interface StartWarrenOptions {
  /** The folder with the functions: a path, or a `file:` URL. */
  functions: string | URL;
  /** Queues that are declared before, for outputs that no function consumes. @default [] */
  queues?: readonly string[];
  /** The lowest level that is logged to standard error. @default "warn" */
  logLevel?: LogLevel;
  /** Settings of the runner by the names of their environment variables, as in docs/configuration.md. @default {} */
  env?: Readonly<Record<string, string>>;
  /** Milliseconds for the start, and for each of the methods that wait. @default 10_000 */
  limit?: number;
}

/** What a message has beside its body. */
export interface SendOptions extends MessageProperties {
  /** @default {} */
  headers?: Record<string, unknown>;
  /** @default "" (the default exchange: the message goes to the function or the queue of that name) */
  exchange?: string;
}

/** A message that was taken from a queue. */
export interface TakenMessage {
  /** Decoded by its content type. */
  readonly body: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly properties: MessageProperties;
  readonly exchange: string;
  readonly routingKey: string;
}

/** Looks in a row that find nothing under way, and milliseconds between them. */
const QUIET_LOOKS = 3;
const INTERVAL = 20;

/**
 * Starts a runner in this process on a broker of its own, which is thrown away with its data when the runner is
 * disposed of. Resolves once every function consumes its queue.
 *
 * @throws {WarrenError} if a function is broken, or the start takes longer than `limit`
 *
 * @example
 * ```ts ignore
 * import { startWarren } from "warren/testing";
 *
 * Deno.test("an order becomes an invoice", async () => {
 *   await using warren = await startWarren({ functions: "functions", queues: ["invoices"] });
 *   await warren.publish("orders.created", { id: 7 });
 *   const invoice = await warren.nextMessage("invoices");
 * });
 * ```
 */
export async function startWarren(options: StartWarrenOptions): Promise<WarrenUnderTest> {
  const data = await Deno.makeTempDir({ prefix: "warren-test-" });
  const { functions, logLevel = "warn", env = {}, limit = 10_000 } = options;
  const own = {
    FUNCTIONS_DIR: typeof functions === "string" ? functions : fileURLToPath(functions),
    BROKER: "embedded",
    BROKER_PORT: "0",
    BROKER_WS_PORT: "0",
    PORT: "0",
    WATCH: "false",
    STRICT_READY: "true",
    WARREN_DATA: data,
    RUNS_KEEP: "0",
  };
  const settings = parseArguments([], { ...own, ...env }).options;
  const log = new Logger({ level: logLevel, format: "text" });
  const warren = new WarrenUnderTest({ settings, log, data, limit });
  try {
    await warren.start(options.queues ?? []);
    return warren;
  } catch (error) {
    await warren[Symbol.asyncDispose]();
    throw error;
  }
}

/** A runner with its own broker, for one test. */
export class WarrenUnderTest implements AsyncDisposable {
  readonly #runner: Runner;
  readonly #connection: Connection;
  readonly #queues: QueueAccess;
  readonly #publisher: Publisher;
  readonly #data: string;
  readonly #limit: number;

  constructor({ settings, log, data, limit }: { settings: Options; log: Logger; data: string; limit: number }) {
    this.#runner = new Runner(settings, log);
    this.#data = data;
    this.#limit = limit;
    const urls = () => [localBrokerUrl(settings, this.#runner.view.localBroker()?.port)];
    this.#connection = new Connection({ urls, name: "test", log });
    this.#queues = new QueueAccess(this.#connection);
    this.#publisher = new Publisher(this.#connection);
  }

  /** Called by `startWarren()`. */
  async start(queues: readonly string[]): Promise<void> {
    await this.#runner.start();
    this.#connection.start();
    for (const queue of queues) await this.#queues.declare(queue);
    await this.#until(() => this.#ready(), "the functions to be ready");
  }

  /**
   * Publishes a message. Resolves once the broker has confirmed it.
   *
   * @param to the name of a function or of a queue; with `exchange`, the routing key
   * @param body a `Uint8Array` is sent as it is, a string as text, anything else as JSON
   * @returns the message id
   * @throws {WarrenError} `unroutable` if no queue takes it
   */
  async publish(to: string, body: unknown, options: SendOptions = {}): Promise<string> {
    const { headers = {}, exchange = "", ...given } = options;
    const encoded = encodeBody(body);
    const messageId = given.messageId ?? crypto.randomUUID();
    const own = { contentType: encoded.contentType, deliveryMode: 2, timestamp: new Date() };
    await this.#publisher.publish({
      exchange,
      routingKey: exchange === "" ? this.#runner.view.function(to)?.queue ?? to : to,
      body: encoded.body,
      properties: { ...own, ...given, messageId, headers: headers as Record<string, string> },
    });
    return messageId;
  }

  /**
   * Publishes a message to a function, and resolves with what its handler returned.
   *
   * @throws {Error} with the failure, if the message became a dead letter
   * @throws {WarrenError} `unavailable` if there was no answer in time
   */
  async call(
    name: string,
    body: unknown,
    options: { messageId?: string; contentType?: string } = {},
  ): Promise<unknown> {
    const encoded = encodeBody(body);
    const { messageId = crypto.randomUUID(), contentType = encoded.contentType } = options;
    const request = { body: encoded.body, contentType, messageId };
    const gone = AbortSignal.timeout(this.#limit);
    const reply = await this.#runner.view.request(name, request, { wait: this.#limit, gone });
    if (!reply) throw new WarrenError("unavailable", `"${name}" did not answer within ${this.#limit} ms`);
    const answer = await decodeBody(reply.body, { contentType: reply.contentType });
    if (reply.outcome === "completed") return reply.body.length === 0 ? undefined : answer;
    const { error } = answer as { error: { type: string; message: string } };
    throw new Error(`${name} ${reply.outcome}: ${error.type}: ${error.message}`, { cause: error });
  }

  /** Takes the next message from a queue that no function consumes. Waits for one, at most `limit`. */
  async nextMessage(queue: string, { limit = this.#limit }: { limit?: number } = {}): Promise<TakenMessage> {
    const { body, headers, properties, exchange, routingKey } = read(
      await this.#queues.take(queue, AbortSignal.timeout(limit)),
      { output: undefined },
    );
    return { body: await decodeBody(body, properties, { headers }), headers, properties, exchange, routingKey };
  }

  /** The dead letters of a function, the oldest first. They stay where they are. */
  async dead(name: string): Promise<Awaited<ReturnType<typeof detailOf>>[]> {
    const letters: ReturnType<typeof detailOf>[] = [];
    await this.#runner.view.deadLetters(name).list((letter) => letters.push(detailOf(letter)));
    return await Promise.all(letters);
  }

  /**
   * Resolves once no function runs, and no message waits in a function's queue or for a retry by its policy. Messages with
   * a `delay` of their own are not waited for.
   */
  async idle(options: { limit?: number } = {}): Promise<void> {
    let quiet = 0;
    await this.#until(
      async () => {
        quiet = await this.#busy() ? 0 : quiet + 1;
        return quiet >= QUIET_LOOKS;
      },
      "the functions to be idle",
      options.limit,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
    await this.#runner.stop();
    await Deno.remove(this.#data, { recursive: true }).catch(() => {});
  }

  /** @throws {WarrenError} if a function can never be */
  #ready(): boolean {
    const { view } = this.#runner;
    const broken = view.functions().find(({ state }) => state === "broken");
    if (broken) throw new WarrenError("function", `function "${broken.name}" is broken: ${broken.error}`);
    return view.ready().ready;
  }

  async #busy(): Promise<boolean> {
    const functions = this.#runner.view.functions();
    if (functions.some(({ running }) => running > 0)) return true;
    const delays = new Set(functions.flatMap(({ retry }) => retry ? rungsOf(retry) : []));
    const queues = [...functions.flatMap(({ queue }) => queue ?? []), ...[...delays].map(retryQueue)];
    const counts = await Promise.all(queues.map((queue) => this.#queues.count(queue)));
    return counts.some((count) => count !== undefined && count > 0);
  }

  async #until(done: () => boolean | Promise<boolean>, what: string, limit = this.#limit): Promise<void> {
    const end = performance.now() + limit;
    while (!await done()) {
      if (performance.now() > end) throw new WarrenError("unavailable", `waited ${limit} ms for ${what}`);
      await delay(INTERVAL);
    }
  }
}
