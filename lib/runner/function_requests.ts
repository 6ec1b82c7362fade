import type { HeldPublisher } from "../amqp/publishing/held_publisher.ts";
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

/** Milliseconds for the broker's confirm. */
const CONFIRM_LIMIT = 10_000;

export interface FunctionRequestsOptions {
  functions: Pick<FunctionRegistry, "get">;
  publisher: Pick<Publisher, "publish">;
  /** Publishes what the broker holds back. */
  held: Pick<HeldPublisher, "publish">;
  replies: Pick<Replies, "request">;
  /** The number of a queue's consumers in all runners. Undefined if no broker can be asked. */
  consumers: (queue: string) => Promise<number | undefined>;
  /** Milliseconds between two checks whether somebody still consumes. @default 200 */
  interval?: number;
}

/** Publishes messages from outside of AMQP into the queue of one function. */
export class FunctionRequests {
  readonly #options: FunctionRequestsOptions;
  readonly #idleWatch: IdleWatch;

  constructor(options: FunctionRequestsOptions) {
    this.#options = options;
    this.#idleWatch = new IdleWatch({ why: (name) => this.#whyNobodyAnswers(name), interval: options.interval });
  }

  /**
   * Resolves once the broker has confirmed the message.
   *
   * @throws {WarrenError} `unavailable`, `unroutable` or `refused`
   * @throws {InvalidBody} if the function already knows that it would not accept the message
   */
  async publish(name: string, request: PublishRequest): Promise<void> {
    await this.#publish(name, request, undefined);
  }

  /**
   * Publishes, and waits for the answer. Undefined if none came in time.
   *
   * @throws {WarrenError} `unavailable` also if no runner takes messages, or stops taking them
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

  /** Why no runner would take a message now. Undefined if one does, or if that is unknown. */
  async #whyNobodyTakes(name: string): Promise<string | undefined> {
    const entry = this.#options.functions.get(name);
    const why = entry && whyIdle(view(name, entry));
    if (why === undefined) return undefined;
    const queue = entry?.served?.definition.queue.name;
    const others = queue === undefined ? 0 : await this.#options.consumers(queue);
    return others === 0 ? why : undefined;
  }

  /** The same for a published message, which an invocation that is running may still answer. */
  async #whyNobodyAnswers(name: string): Promise<string | undefined> {
    const served = this.#options.functions.get(name)?.served;
    // A consumer that lost its channel gets a new one soon.
    if (served && (served.running > 0 || served.state === "unavailable")) return undefined;
    return await this.#whyNobodyTakes(name);
  }

  async #publish(name: string, request: PublishRequest, reply: ReplyRoute | undefined): Promise<void> {
    const served = this.#servedOf(name);
    const { body, headers = {}, delay = 0, ...given } = request;
    // If the function cannot check the message now, it does so when the message arrives.
    const { validates, envelope, queue } = served.definition;
    const looks = validates || envelope !== undefined;
    const failure = looks
      ? await served.validate({ body, properties: given, headers }).catch(() => undefined)
      : undefined;
    if (failure) throw new InvalidBody(failure);
    const properties = { deliveryMode: 2, timestamp: new Date(), headers, ...given, ...reply };
    const message = { routingKey: queue.name, body, properties };
    await within(CONFIRM_LIMIT, (signal) => {
      const { publisher, held } = this.#options;
      const options = { channel: "http", signal };
      return delay > 0
        ? held.publish(message, delay, options)
        : publisher.publish({ exchange: "", ...message }, options);
    });
  }

  /** @throws {WarrenError} `unavailable` */
  #servedOf(name: string): Served {
    const entry = this.#options.functions.get(name);
    if (entry?.served) return entry.served;
    const why = entry ? whyIdle(view(name, entry)) : `function "${name}" is gone`;
    throw new WarrenError("unavailable", `${why}; it is not bound to a queue`);
  }
}
