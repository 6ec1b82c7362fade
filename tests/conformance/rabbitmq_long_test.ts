import { rabbitmqTest } from "../support/rabbitmq.ts";
import { differences } from "./differences.ts";
import { conformance, runCase } from "./suite.ts";

for (const one of conformance) {
  if (differences[one.name]?.on === "rabbitmq") continue;
  rabbitmqTest(`RabbitMQ: ${one.name}`, (url) => runCase(one, url));
}
