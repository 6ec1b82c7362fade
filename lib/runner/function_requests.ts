import type { Publisher } from "../amqp/publishing/publisher.ts";
import type { Replies, Reply, ReplyRoute } from "../amqp/publishing/replies.ts";
import { WarrenError } from "../base/errors.ts";
import type { FunctionRegistry, Served } from "./function_registry.ts";
import { view } from "./function_view.ts";
import { IdleWatch } from "../http/idle_watch.ts";
import { whyIdle } from "../http/readiness.ts";
import type { Patience, PublishRequest } from "../http/runner_view.ts";
import { InvalidBody } from "../invocation/content/invalid_body.ts";
import { within } from "../base/time/within.ts";

/** Milliseconds for the broker to say that it has a message. */
const CONFIRM_LIMIT = 10_000;

export interface FunctionRequestsOptions {
  functions: Pick<FunctionRegistry, "get">;
  publisher: Pick<Publisher, "publish">;
  replies: Pick<Replies, "request">;
  /** How many consumers a queue has, in all runners; undefined while no broker can be asked. */
  consumers: (queue: string) => Promise<number | undefined>;
  /** Milliseconds between two looks whether somebody still consumes. @default 200 */
  interval?: number;
}

/** Messages that come from outside of AMQP for one function: they are published into its queue. */
export class FunctionRequests {
  readonly #options: FunctionRequestsOptions;
  readonly #idleWatch: IdleWatch;

  constructor(options: FunctionRequestsOptions) {
    this.#options = options;
    this.#idleWatch = new IdleWatch({ why: (name) => this.#whyNobodyAnswers(name), interval: options.interval });
  }

  /**
   * Resolves once the broker has the message.
   *
   * @throws {WarrenError} `unavailable`, `unroutable` or `refused`
   * @throws {InvalidBody} where the function can tell already that it would not accept the message
   */
  async publish(name: string, request: PublishRequest): Promise<void> {
    await this.#publish(name, request, undefined);
  }

  /**
   * Publishes, and waits for the answer; undefined where there is none in time.
   *
   * @throws {WarrenError} `unavailable` also where no runner takes the message, or none does any more
   */
  async request(name: string, request: PublishRequest, { wait, gone }: Patience): Promise<Reply | undefined> {
    const why = await this.#whyNobodyTakes(name);
    if (why !== undefined) throw new WarrenError("unavailable", `${why}; nothing was published`);
    const { value, idle } = await this.#idleWatch.during(name, gone, (gone) => {
      return this.#options.replies.request({ wait, gone }, (route) => this.#publish(name, request, route));
    });
    if (value !== undefined || idle === undefined) return value;
    throw new WarrenError("unavailable", `${idle}; message ${request.messageId} stays in its queue`);
  }

  /** Why nobody takes a message that is published now, here or in another runner; undefined if that cannot be known. */
  async #whyNobodyTakes(name: string): Promise<string | undefined> {
    const entry = this.#options.functions.get(name);
    const why = entry && whyIdle(view(name, entry));
    if (why === undefined) return undefined;
    const queue = entry?.served?.definition.queue.name;
    const others = queue === undefined ? 0 : await this.#options.consumers(queue);
    return others === 0 ? why : undefined;
  }

  /** The same for a message that was published before: what runs now may still answer. */
  async #whyNobodyAnswers(name: string): Promise<string | undefined> {
    const served = this.#options.functions.get(name)?.served;
    // A consumer that lost its channel has another one in a moment.
    if (served && (served.running > 0 || served.state === "unavailable")) return undefined;
    return await this.#whyNobodyTakes(name);
  }

  async #publish(name: string, request: PublishRequest, reply: ReplyRoute | undefined): Promise<void> {
    const served = this.#servedOf(name);
    const { body, headers = {}, ...given } = request;
    // A function that cannot look at it now does so when its message comes.
    const { validates, envelope, queue } = served.definition;
    const looks = validates || envelope !== undefined;
    const failure = looks
      ? await served.validate({ body, properties: given, headers }).catch(() => undefined)
      : undefined;
    if (failure) throw new InvalidBody(failure);
    const properties = { deliveryMode: 2, timestamp: new Date(), headers, ...given, ...reply };
    const message = { exchange: "", routingKey: queue.name, body, properties };
    await within(CONFIRM_LIMIT, (signal) => this.#options.publisher.publish(message, { channel: "http", signal }));
  }

  /** @throws {WarrenError} `unavailable` */
  #servedOf(name: string): Served {
    const entry = this.#options.functions.get(name);
    if (entry?.served) return entry.served;
    const why = entry ? whyIdle(view(name, entry)) : `function "${name}" is gone`;
    throw new WarrenError("unavailable", `${why}; it is not bound to a queue`);
  }
}
