import { assertEquals, assertRejects } from "@std/assert";
import { Connection } from "../../lib/amqp/client/connection.ts";
import { Topology } from "../../lib/amqp/topology/topology.ts";
import { WarrenError } from "../../lib/base/errors.ts";
import { Logger } from "../../lib/base/log.ts";
import { eventually } from "../support/eventually.ts";
import { privateNodeTest, startPrivateNode } from "../support/rabbitmq.ts";

privateNodeTest(
  "RabbitMQ: the queue of a retry is not waited for without end where the broker is short of memory",
  async () => {
    await using node = await startPrivateNode();
    const log = new Logger({ level: "silent" });
    const connection = new Connection({ urls: [node.url], name: "test", log });
    connection.start();
    const client = await connection.opened(AbortSignal.timeout(10_000));
    const topology = new Topology(log, { patience: 500 });
    // A busy machine may take longer than that for the first.
    await eventually(() => topology.declareRung(client, 100).then(() => true, () => false), { timeout: 20_000 });
    await node.starve();
    // From its first publish on, the broker reads nothing of this connection.
    const channel = await client.channel();
    await channel.basicPublish("", "nowhere", "x");
    const error = await assertRejects(() => topology.declareRung(client, 200), WarrenError);
    assertEquals(error.code, "unavailable");
    await assertRejects(() => topology.bindToDispatch(client, "nowhere"), WarrenError);
    await node.feed();
    await eventually(() => topology.declareRung(client, 200).then(() => true, () => false), { timeout: 20_000 });
    assertEquals(connection.state.connected, true);
    await connection.close();
  },
);
