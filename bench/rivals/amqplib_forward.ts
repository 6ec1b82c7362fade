import amqplib from "amqplib";
import { Meter } from "./meter.ts";

/** A consumer with amqplib's defaults that publishes a message for each delivery, without confirms, and acks. */
const [url, queue, target, count] = Deno.args;
const meter = new Meter(Number(count));
const connection = await amqplib.connect(url);
const channel = await connection.createChannel();
await channel.prefetch(200);
await channel.consume(queue, (message) => {
  if (!message) return;
  channel.sendToQueue(target, message.content, { persistent: true });
  channel.ack(message);
  meter.count();
});
