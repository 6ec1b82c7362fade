import { BrokerClient } from "./broker_client.ts";
import { EmbeddedBroker } from "./embedded_broker.ts";
import { rabbitmqTest } from "./rabbitmq.ts";

type BrokerTest = (url: string, test: Deno.TestContext) => Promise<void> | void;

let kind: "classic" | "quorum" = "classic";

/** From here on, tests that are registered have work queues of this kind, and say so. */
export function useQueues(of: typeof kind): void {
  kind = of;
}

let shared: EmbeddedBroker | undefined;
let registered = false;

/** A test that needs a broker, whichever: once on the embedded one, and once on RabbitMQ where there is one. */
export function brokerTest(name: string, fn: BrokerTest): void {
  const suffix = kind === "classic" ? "" : `, ${kind}`;
  const queues = kind;
  const run: BrokerTest = (url, test) => {
    BrokerClient.workQueues = queues;
    return fn(url, test);
  };
  embeddedTest(`embedded${suffix}: ${name}`, run);
  rabbitmqTest(`RabbitMQ${suffix}: ${name}`, run);
}

/** A test on the embedded broker that the tests of this file share. */
export function embeddedTest(name: string, fn: BrokerTest): void {
  shareOne();
  Deno.test(name, (test) => fn(sharedBroker().url, test));
}

/** The broker of `embeddedTest`: to look at, not to stop. */
export function sharedBroker(): EmbeddedBroker {
  if (!shared) throw new Error("the shared broker lives only while tests run");
  return shared;
}

/** Between the tests, so that none of them is said to have leaked it. */
function shareOne(): void {
  if (registered) return;
  registered = true;
  Deno.test.beforeAll(async () => {
    shared = await EmbeddedBroker.launch();
  });
  Deno.test.afterAll(async () => {
    await shared?.[Symbol.asyncDispose]();
    shared = undefined;
  });
}
