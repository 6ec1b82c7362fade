import { AMQPClient } from "@cloudamqp/amqp-client";
import { taskFromArguments } from "./meter.ts";

/** A consumer as it is written by hand with the client that Warren uses: an ack a message, after a confirmed output if asked for. */
const { url, queue, outputs, load, meter } = taskFromArguments();
const connection = await new AMQPClient(url).connect();
const channel = await connection.channel();
await channel.prefetch(200);
if (load === "output") await channel.confirmSelect();
await channel.basicConsume(queue, { noAck: false }, async (message) => {
  if (load === "output") await channel.basicPublish("", outputs, message.body, { deliveryMode: 2 });
  void message.ack();
  meter.count();
});
