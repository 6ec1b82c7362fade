import amqplib from "amqplib";
import { Meter } from "./meter.ts";

/** A consumer as it is written by hand with amqplib: an ack a message. */
const [url, queue, count] = Deno.args;
const meter = new Meter(Number(count));
const connection = await amqplib.connect(url);
const channel = await connection.createChannel();
await channel.prefetch(200);
await channel.consume(queue, (message) => {
  if (!message) return;
  channel.ack(message);
  meter.count();
});
