import type { Connection } from "../amqp/client/connection.ts";
import { HeldPublisher } from "../amqp/publishing/held_publisher.ts";
import type { OutgoingMessage } from "../amqp/publishing/confirms/outgoing_message.ts";
import { Publisher } from "../amqp/publishing/publisher.ts";
import { Topology } from "../amqp/topology/topology.ts";
import { WarrenError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { formatDuration } from "../base/time/duration.ts";
import { readDelay, readPriority } from "../invocation/message_timing.ts";
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
    { flag: "delay", value: "DURATION", text: "Hold the message back in the broker for this long, as in 10s." },
    { flag: "priority", value: "NUMBER", text: "0 to 255, for a queue with x-max-priority." },
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
    const { delay, priority } = timing(flags, exchange);
    const properties = { ...typed, priority, deliveryMode: 2, timestamp: new Date() };
    await withConnection(context, "publish", { exchange, routingKey }, (connection) => {
      return send(connection, { exchange, routingKey, body, properties }, delay, context.log);
    });
    const held = delay > 0 ? `, which gets it in ${formatDuration(delay)}` : "";
    const place = `${exchange ? `exchange ${exchange}, key ` : "queue "}${routingKey}`;
    print(`${messageId} is with the broker, for ${place}${held}`);
    return 0;
  },
};

/** @throws {WarrenError} `config` */
function timing(flags: Map<string, string[]>, exchange: string): { delay: number; priority: number | undefined } {
  const [delay, priority] = ["delay", "priority"].map((flag) => flags.get(flag)?.at(-1));
  if (delay !== undefined && exchange !== "") {
    throw new WarrenError("config", "--delay works only for a queue: leave out --exchange, or --delay");
  }
  return {
    delay: delay === undefined ? 0 : readDelay("--delay", delay),
    priority: priority === undefined ? undefined : readPriority("--priority", priority),
  };
}

async function send(connection: Connection, message: OutgoingMessage, delay: number, log: Logger): Promise<void> {
  const publisher = new Publisher(connection);
  const signal = AbortSignal.timeout(PATIENCE);
  if (delay === 0) return await publisher.publish(message, { signal });
  const topology = new Topology(log);
  const { exchange: _, ...held } = message;
  await new HeldPublisher({ connection, publisher, topology }).publish(held, delay, { signal });
}
