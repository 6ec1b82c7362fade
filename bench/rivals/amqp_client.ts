import { AMQPClient } from "@cloudamqp/amqp-client";
import { Meter } from "./meter.ts";

/** A consumer as it is written by hand with the client that Warren uses: an ack a message. */
const [url, queue, count] = Deno.args;
const meter = new Meter(Number(count));
const connection = await new AMQPClient(url).connect();
const channel = await connection.channel();
await channel.prefetch(200);
await channel.basicConsume(queue, { noAck: false }, (message) => {
  void message.ack();
  meter.count();
});
