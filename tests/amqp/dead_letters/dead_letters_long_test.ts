import { assertEquals } from "@std/assert";
import { brokerTest } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";
import { Graveyard } from "../../support/graveyard.ts";

brokerTest("a scan stops at ten thousand that do not match, says so, and gives them back", async (url) => {
  await using graveyard = await Graveyard.open(url);
  await graveyard.bury(Array.from({ length: 10_100 }, (_, index) => String(index)));
  await graveyard.bury(["last"], { reason: "crashed" });

  const sweep = await graveyard.letters.redrive({ filter: { reason: "crashed" } });

  assertEquals([sweep.looked, sweep.done, sweep.stopped], [10_000, 0, "window"]);
  await eventually(async () => (await graveyard.counts()).join() === "0,10101");
  const bodies: string[] = [];
  await graveyard.letters.list(({ body }) => void bodies.push(new TextDecoder().decode(body)), { limit: 3 });
  assertEquals(bodies, ["0", "1", "2"]);
});

brokerTest("large messages stop a scan by their bytes, and are redriven", async (url) => {
  await using graveyard = await Graveyard.open(url);
  const large = new Uint8Array(4 * 1024 * 1024);
  await graveyard.bury(Array.from({ length: 20 }, () => large));

  const looked = await graveyard.letters.list(() => {}, { filter: { reason: "crashed" } });
  assertEquals([looked.looked, looked.stopped], [16, "window"]);
  assertEquals((await graveyard.letters.redrive()).done, 20);

  assertEquals(await graveyard.counts(), [20, 0]);
});
