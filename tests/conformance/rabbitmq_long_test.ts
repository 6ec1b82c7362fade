import { brokerVersion } from "../support/broker_version.ts";
import { rabbitmqTest, rabbitmqUrl } from "../support/rabbitmq.ts";
import { difference } from "./differences.ts";
import { conformance, runCase, runDifferent } from "./suite.ts";

const there = rabbitmqUrl();
const version = there && await brokerVersion(there);

for (const one of conformance) {
  const why = difference(one.name, "rabbitmq", version);
  if (why) rabbitmqTest(`RabbitMQ does not: ${one.name}: ${why}`, (url) => runDifferent(one, url));
  else rabbitmqTest(`RabbitMQ: ${one.name}`, (url) => runCase(one, url));
}
