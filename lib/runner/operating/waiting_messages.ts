import type { Lent } from "../../amqp/topology/declaring_connection.ts";
import { workQueues } from "../../amqp/depth/depth_gauge.ts";
import { retryQueue } from "../../amqp/message/names.ts";
import { type Cancelled, cancelWaiting } from "../../amqp/waiting/cancel_waiting.ts";
import { purgeQueues } from "../../amqp/waiting/purge_queues.ts";
import { WarrenError } from "../../base/errors.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import { allRungs } from "../../invocation/retry_policy.ts";

export interface WaitingMessagesOptions {
  lend: () => Promise<Lent>;
  functions: () => readonly FunctionDefinition[];
}

/** What operators do with messages that wait: in work queues, for a retry, or for their delay. */
export class WaitingMessages {
  readonly #options: WaitingMessagesOptions;

  constructor(options: WaitingMessagesOptions) {
    this.#options = options;
  }

  /**
   * Deletes what waits in a function's work queue, and in its partitions. Returns how many messages there were.
   *
   * @throws {WarrenError} `missing` where no function of that name has a queue; `refused` or `unavailable`
   */
  async purge(name: string): Promise<number> {
    const definition = this.#options.functions().find((one) => one.name === name);
    if (!definition) throw new WarrenError("missing", `there is no function "${name}" that has a queue`);
    await using lent = await this.#options.lend();
    const purged = await purgeQueues(lent.client, workQueues(definition));
    return [...purged.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * Takes a message that waits for its retry or its delay out of its queue. All retry queues that there can be are looked
   * for: a handler may ask for any delay.
   *
   * @throws {WarrenError} `unavailable` where it was not found and not everything could be looked at
   */
  async cancel(messageId: string): Promise<Cancelled | undefined> {
    await using lent = await this.#options.lend();
    return await cancelWaiting(lent.client, messageId, allRungs().map(retryQueue));
  }
}
