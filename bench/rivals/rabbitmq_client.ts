import { Connection } from "rabbitmq-client";
import { taskFromArguments } from "./meter.ts";

/** A consumer of rabbitmq-client, and a publisher with confirms. */
const { url, queue, outputs, load, meter } = taskFromArguments();
const connection = new Connection(url);
const publisher = connection.createPublisher({ confirm: true });
const options = { queue, queueOptions: { durable: true }, qos: { prefetchCount: 200 }, concurrency: 200 };
const consumer = connection.createConsumer(options, async (message) => {
  if (load === "output") await publisher.send({ routingKey: outputs, durable: true }, message.body);
  meter.count();
});
consumer.on("error", (error) => console.error(error));
