import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { BrokerClient } from "../support/broker_client.ts";
import { Checkout } from "../support/checkout.ts";
import { BrokerPlace } from "../support/hosted_broker.ts";
import { startServing } from "../support/serving.ts";
import { LINUX } from "./processes.ts";

const GREEDY = `
  export const config = { memory: "128MB", retry: { attempts: 1 } };
  export default async ({ body }, { log }) => {
    const all = [];
    for (let i = 0; body === "greedy" && i < 2_000; i++) {
      all.push(new Uint8Array(4 * 1024 * 1024).fill(1));
      await new Promise((go) => setTimeout(go));
    }
    log.info("handled", { buffers: all.length });
  };`;

for (const by of ["task", "image"] as const) {
  Deno.test({
    name:
      `a function that takes more memory than its limit is killed by the ${by}'s command line, as a user without rights`,
    ignore: !LINUX,
    async fn() {
      await using checkout = await Checkout.make();
      await using place = await BrokerPlace.make();
      const env = { ...place.env, WARREN_DATA: `${checkout.home}/data`, BROKER: "embedded" };
      const functionsDir = await checkout.functions({ "greedy.ts": GREEDY });
      await using runner = await startServing({ checkout, functionsDir, by, env });
      await using client = await BrokerClient.connect(place.url);
      await client.publish("greedy", ["greedy", "modest"], { contentType: "text/plain" });
      const dead = await client.take("greedy.dead");
      const reason = String(dead.properties.headers?.["warren-error"]);
      assertStringIncludes(reason, "it took more memory than its limit of 128 MB: ");
      const took = Number(/limit of 128 MB: (\d+) MB/.exec(reason)?.[1]);
      assert(took < 1_024, `${took} MB`);
      assertEquals((await runner.waitForLog(({ message }) => message === "handled")).buffers, 0);
      assertEquals(runner.log.filter(({ message }) => message.includes("is not watched")), []);
    },
  });
}
