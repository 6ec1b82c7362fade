import rascal from "rascal";
import { taskFromArguments } from "./meter.ts";

/** A subscription of Rascal with its defaults, and a publication with confirms. */
const { url, queue, outputs, load, meter } = taskFromArguments();
const { pathname } = new URL(url);
const broker = await rascal.BrokerAsPromised.create(rascal.withDefaultConfig({
  vhosts: {
    [decodeURIComponent(pathname.slice(1)) || "/"]: {
      connection: { url },
      queues: { [queue]: { assert: false }, [outputs]: { assert: false } },
      subscriptions: { work: { queue, prefetch: 200 } },
      publications: { outputs: { queue: outputs, confirm: true, options: { persistent: true } } },
    },
  },
}));
broker.on("error", (error: unknown) => console.error(error));
const subscription = await broker.subscribe("work");
subscription.on("error", (error: unknown) => console.error(error));
subscription.on("message", async (_message: unknown, content: object, ackOrNack: () => void) => {
  if (load === "output") {
    const publication = await broker.publish("outputs", content);
    await new Promise<void>((resolve, reject) => {
      publication.on("success", () => resolve());
      publication.on("error", reject);
    });
  }
  ackOrNack();
  meter.count();
});
