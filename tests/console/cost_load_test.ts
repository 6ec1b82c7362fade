import { assert } from "@std/assert";
import { cpuUsage } from "node:process";
import { fakeConsole } from "./fake_console.ts";

/** Milliseconds. */
const WARM_UP = 4_000;
const MEASURED = 12_000;
const MOST_SHARE = 0.05;

Deno.test("a page that is open costs less than a twentieth of a core, with a hundred functions that all change", async () => {
  const { ask, operator, world } = fakeConsole({ functions: 97 });
  const { histories, depths } = world;
  let looks = 0;
  // Each look finds other numbers for each function, the last point of its hour included.
  operator.depths = () => {
    looks++;
    return Promise.resolve(depths.map((depth) => ({ ...depth, ready: looks })));
  };
  operator.histories = () =>
    Promise.resolve(histories.map((one) => ({
      ...one,
      points: [...one.points.slice(1), { ...one.points[0], completed: looks % 50, time: world.now }],
    })));
  const response = await ask("/console/live/overview", { headers: { accept: "text/event-stream" } });
  const reader = response.body!.getReader();
  let received = 0;
  const reading = (async () => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) received += next.value.length;
  })();
  await new Promise((resolve) => setTimeout(resolve, WARM_UP));
  const before = cpuUsage();
  const receivedBefore = received;
  await new Promise((resolve) => setTimeout(resolve, MEASURED));
  const used = cpuUsage(before);
  await reader.cancel();
  await reading;

  const share = (used.user + used.system) / 1_000 / MEASURED;
  const bytes = (received - receivedBefore) / (MEASURED / 1_000);
  console.log(`${(share * 100).toFixed(1)} % of a core, ${Math.round(bytes / 1_000)} kB a second, ${looks} looks`);
  assert(looks > 5 && bytes > 1_000, `${looks} looks, ${bytes} bytes a second: nothing was measured`);
  assert(share < MOST_SHARE, `${(share * 100).toFixed(1)} % of a core`);
});
