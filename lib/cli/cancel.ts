import { retryQueue } from "../amqp/message/names.ts";
import { cancelWaiting } from "../amqp/waiting/cancel_waiting.ts";
import { WarrenError } from "../base/errors.ts";
import { allRungs } from "../invocation/retry_policy.ts";
import type { Command } from "./command.ts";
import { withConnection } from "./connect.ts";
import { Interrupt } from "./interrupt.ts";
import { ignoreConnectionLoss } from "./rejections.ts";

/** Milliseconds for a connection to be there. */
const CONNECT_LIMIT = 5_000;

/** Takes one message that waits for its retry, or for its delay, out of its queue. */
export const cancel: Command = {
  summary: "Take a message that waits for a retry or a delay out of its queue",
  usage: "ID   (a message id, as the log has it)",
  flags: [{ flag: "json", text: "One JSON document instead of text." }],
  async run(context) {
    const { positional: [id, ...rest], flags, print } = context;
    if (id === undefined || id === "" || rest.length > 0) {
      throw new WarrenError(
        "config",
        "cancel takes one message id, as in: cancel 6f9619ff-8b86-4011-b42d-00c04fc964ff",
      );
    }
    using _rejections = ignoreConnectionLoss();
    using interrupt = new Interrupt(() => context.printError("stopping; once more ends at once"));
    const { signal } = interrupt;
    const queues = allRungs().map(retryQueue);
    const cancelled = await withConnection(context, "cancel", { exchange: "", routingKey: "" }, async (connection) => {
      const client = await connection.opened(AbortSignal.timeout(CONNECT_LIMIT));
      return await cancelWaiting(client, id, queues, { signal });
    });
    if (!cancelled) {
      throw new WarrenError(
        "missing",
        `no message with the id "${id}" waits for a retry or a delay; one that is ready or runs is not cancelled`,
      );
    }
    if (flags.has("json")) print(JSON.stringify({ messageId: id, ...cancelled }));
    else {print(
        `${id} is cancelled: it waited in ${cancelled.waited} for attempt ${cancelled.attempt} in ${cancelled.queue}`,
      );}
    return 0;
  },
};
