import { Publisher } from "../amqp/publishing/publisher.ts";
import { WarrenError } from "../base/errors.ts";
import type { Command } from "./command.ts";
import { withConnection } from "./connect.ts";
import { MESSAGE_FLAGS, readMessage } from "./shared/message_arguments.ts";

/** Milliseconds for connecting, and for the confirm. */
const PATIENCE = 5_000;

/** Publishes one message and waits for the broker's confirm. */
export const publish: Command = {
  summary: "Publish one message, and wait for the broker's confirm",
  usage: "QUEUE [BODY]   (BODY is text, @FILE for a file, or - for standard input, which is the default)",
  flags: [
    { flag: "exchange", value: "NAME", text: "Publish to this exchange; QUEUE is then the routing key." },
    ...MESSAGE_FLAGS,
  ],
  async run(context) {
    const { positional, flags, print } = context;
    const [routingKey, given, ...rest] = positional;
    if (routingKey === undefined || rest.length > 0) {
      const more = rest.length > 0 ? `; "${rest[0]}" is one too many, and flags are like --header` : "";
      throw new WarrenError("config", `publish needs a queue and a body, as in: publish hello 0${more}`);
    }
    const { body, ...typed } = await readMessage(given, flags);
    const { messageId } = typed;
    const exchange = flags.get("exchange")?.at(-1) ?? "";
    const properties = { ...typed, deliveryMode: 2, timestamp: new Date() };
    await withConnection(context, "publish", { exchange, routingKey }, async (connection) => {
      const signal = AbortSignal.timeout(PATIENCE);
      await new Publisher(connection).publish({ exchange, routingKey, body, properties }, { signal });
    });
    print(`${messageId} is with the broker, for ${exchange ? `exchange ${exchange}, key ` : "queue "}${routingKey}`);
    return 0;
  },
};
