import amqplib from "amqplib";
import { taskFromArguments } from "./meter.ts";

/**
 * A consumer as it is written by hand with amqplib: an ack a message. With an output it publishes on a confirm channel and acks
 * when that is confirmed; with an output that is `unconfirmed` it acks at once.
 */
const { url, queue, outputs, load, meter } = taskFromArguments();
const connection = await amqplib.connect(url);
const channel = load === "output" ? await connection.createConfirmChannel() : await connection.createChannel();
await channel.prefetch(200);
await channel.consume(queue, (message) => {
  if (!message) return;
  const done = () => {
    channel.ack(message);
    meter.count();
  };
  if (load === "consume") return done();
  if (load === "output") return void channel.sendToQueue(outputs, message.content, { persistent: true }, done);
  channel.sendToQueue(outputs, message.content, { persistent: true });
  done();
});
