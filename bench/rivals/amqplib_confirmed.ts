import amqplib from "amqplib";
import { Meter } from "./meter.ts";

/** A consumer with amqplib that publishes a message for each delivery, waits for its confirm, and acks. */
const [url, queue, target, count] = Deno.args;
const meter = new Meter(Number(count));
const connection = await amqplib.connect(url);
const channel = await connection.createChannel();
const confirming = await connection.createConfirmChannel();
await channel.prefetch(200);
await channel.consume(queue, (message) => {
  if (!message) return;
  confirming.sendToQueue(target, message.content, { persistent: true }, (error) => {
    if (error) throw error;
    channel.ack(message);
    meter.count();
  });
});
