import { assertEquals } from "@std/assert";
import { Random } from "../broker/random.ts";
import { folder } from "../loader/folder.ts";
import { fuzzedHeaders } from "../support/amqp/fuzzed_headers.ts";
import { EVERY_PROPERTY, EVERY_TYPE } from "../support/amqp/odd_messages.ts";
import { RawClient } from "../support/amqp/raw_client.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { Proxy } from "../support/proxy.ts";
import { handledBy, startServing } from "../support/serving.ts";

const MESSAGES = 300;

brokerTest(
  "properties that are spoilt on their way to the runner cost their messages alone, each settled once",
  async (url) => {
    const random = Random.printed();
    await using broker = await BrokerClient.connect(url);
    const queue = await broker.workQueue("fuzzed");
    await using functions = await folder({
      "fuzzed.ts": `
      export const config = { queue: "${queue}", retry: { attempts: 2, delay: 20, jitter: 0 } };
      export default (message, context) => {
        const body = new TextDecoder().decode(message.raw);
        if (body.startsWith("failing")) throw new Error("no");
        context.log.info("handled", { body });
      };`,
    });
    await using proxy = Proxy.for(url, () => fuzzedHeaders(random.fork(), "neighbour"));
    await using runner = await startServing({ amqpUrl: proxy.urlFor(url), functionsDir: functions.path });
    await using raw = await RawClient.connect(url);
    const channel = await raw.channel();
    const bodies: string[] = [];
    for (let n = 0; n < MESSAGES; n++) {
      for (const kind of ["fine", "failing", "neighbour"]) {
        const properties = kind === "neighbour" ? { messageId: kind } : { ...EVERY_PROPERTY, headers: EVERY_TYPE };
        bodies.push(`${kind} ${n}`);
        await channel.publish({ routingKey: queue }, `${kind} ${n}`, properties);
      }
    }

    const dead: string[] = [];
    const settled = async () => {
      for (let got = await channel.get(`${queue}.dead`, true); got; got = await channel.get(`${queue}.dead`, true)) {
        dead.push(got.text);
      }
      return handledBy(runner).length + dead.length >= bodies.length;
    };
    await eventually(settled, { timeout: 30_000, what: "all messages to be settled" });

    const handled = handledBy(runner).map(({ body }) => String(body));
    assertEquals([...handled, ...dead].toSorted(), bodies.toSorted());
    assertEquals(handled.filter((body) => body.startsWith("neighbour")).length, MESSAGES);
    assertEquals((await broker.count(queue)).messages, 0);
    const bad = runner.log.filter(({ message }) => /is lost|is held|could not be settled/.test(message));
    assertEquals(bad.slice(0, 3), []);
  },
);
