import { assertEquals } from "@std/assert";
import { traitsOf } from "../../../lib/amqp/client/broker_traits.ts";
import { ownShape, partitionShape, workShape } from "../../../lib/amqp/topology/queue_shapes.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import type { QueueType } from "../../../lib/settings/queue_type.ts";

const BROKERS = {
  "3.10": traitsOf({ product: "RabbitMQ", version: "3.10.8" }),
  "4.0": traitsOf({ product: "RabbitMQ", version: "4.0.5" }),
  "4.3": traitsOf({ product: "RabbitMQ", version: "4.3.6" }),
  "5.0": traitsOf({ product: "RabbitMQ", version: "5.0.0-rc.1" }),
  lavinmq: traitsOf({ product: "LavinMQ", version: "2.9.0" }),
  embedded: traitsOf({ product: "Warren", version: "1.0.0" }),
  unknown: traitsOf(undefined),
};
type Broker = keyof typeof BROKERS;

function define(config: Record<string, unknown>) {
  return resolveFunctionConfig(config, { name: "order", file: "/order.ts", version: "1" });
}

function argumentsOf(broker: Broker, config: Record<string, unknown>, byDefault?: QueueType) {
  return workShape(define(config), BROKERS[broker], byDefault).queue.arguments;
}

const NO_LIMIT = { "x-delivery-limit": -1 };
const AT_ONCE = { "x-consumer-disconnected-timeout": 0 };
const QUORUM = { "x-queue-type": "quorum" };

Deno.test("a quorum queue has no delivery limit where the broker has one by itself, and is left alone elsewhere", () => {
  const quorum = { queue: { type: "quorum" } };
  assertEquals(argumentsOf("3.10", quorum), QUORUM, "there, -1 drops a message at its first return");
  assertEquals(argumentsOf("4.0", quorum), { ...QUORUM, ...NO_LIMIT });
  assertEquals(argumentsOf("4.3", quorum), { ...QUORUM, ...NO_LIMIT, ...AT_ONCE });
  assertEquals(argumentsOf("5.0", quorum), { ...QUORUM, ...NO_LIMIT, ...AT_ONCE });
  for (const other of ["lavinmq", "embedded", "unknown"] as const) assertEquals(argumentsOf(other, quorum), QUORUM);
});

Deno.test("a delivery limit that the function asks for stays", () => {
  const limited = { queue: { arguments: { ...QUORUM, "x-delivery-limit": 7 } } };
  for (const broker of ["3.10", "4.0", "4.3"] as const) {
    assertEquals(argumentsOf(broker, limited)["x-delivery-limit"], 7);
  }
});

Deno.test("a queue that names no type has no limit either, where the vhost makes it a quorum queue", () => {
  const { queue, otherwise } = workShape(define({}), BROKERS["4.0"], undefined);
  assertEquals([queue.arguments, otherwise], [NO_LIMIT, {}]);
  for (const broker of ["3.10", "embedded", "lavinmq"] as const) {
    const shape = workShape(define({}), BROKERS[broker], undefined);
    assertEquals([shape.queue.arguments, shape.otherwise], [{}, undefined]);
  }
  const classic = workShape(define({ queue: { type: "classic" } }), BROKERS["4.3"], undefined);
  assertEquals([classic.queue.arguments, classic.otherwise], [{ "x-queue-type": "classic" }, undefined]);
});

Deno.test("QUEUE_TYPE is what queues are that name no type and can be of it", () => {
  assertEquals(argumentsOf("3.10", {}, "quorum"), QUORUM);
  assertEquals(argumentsOf("3.10", {}, "classic"), { "x-queue-type": "classic" });
  assertEquals(argumentsOf("3.10", { queue: { type: "classic" } }, "quorum"), { "x-queue-type": "classic" });
  assertEquals(argumentsOf("4.3", { queue: { durable: false } }, "quorum"), {});
  assertEquals(argumentsOf("4.3", { queue: { autoDelete: true } }, "quorum"), {});
});

Deno.test("partitions are of their function's type, and of a quorum queue one consumer at a time is active", () => {
  const ordered = define({ queue: { arguments: { "x-max-length": 5 } }, order: { by: "routingKey", partitions: 2 } });
  const single = { "x-single-active-consumer": true };
  assertEquals(partitionShape(ordered, "order.p0", BROKERS["3.10"], undefined).queue.arguments, {});
  const { queue } = partitionShape(ordered, "order.p1", BROKERS["4.3"], "quorum");
  assertEquals(queue, {
    name: "order.p1",
    durable: true,
    autoDelete: false,
    arguments: { ...QUORUM, ...NO_LIMIT, ...AT_ONCE, ...single },
  });
  const work = workShape(ordered, BROKERS["3.10"], "quorum").queue.arguments;
  assertEquals(work, { ...QUORUM, ...single, "x-max-length": 5 });
  assertEquals(workShape(define({}), BROKERS["3.10"], "quorum").queue.arguments, QUORUM, "not without an order");
});

Deno.test("what is Warren's own has copies on several nodes where the broker can", () => {
  const own = (broker: Broker, single = false) => ownShape("order.dead", BROKERS[broker], { single }).queue.arguments;
  assertEquals(own("3.10"), QUORUM);
  assertEquals(own("4.0"), { ...QUORUM, ...NO_LIMIT });
  assertEquals(own("4.3", true), { ...QUORUM, ...NO_LIMIT, ...AT_ONCE, "x-single-active-consumer": true });
  for (const broker of ["embedded", "lavinmq", "unknown"] as const) {
    assertEquals(own(broker), {});
    assertEquals(own(broker, true), { "x-single-active-consumer": true });
  }
});
