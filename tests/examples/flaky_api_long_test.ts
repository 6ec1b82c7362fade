import { assert, assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { post, seen } from "../support/serving.ts";
import { exampleTest } from "./example.ts";

exampleTest("flaky_api", "an outage trips the kill switch, and no message is lost", async ({ start }) => {
  let down = true;
  const asked: string[] = [];
  await using server = Deno.serve({ port: 0, onListen: () => {} }, (request) => {
    const city = new URL(request.url).pathname.split("/").at(-1)!;
    asked.push(city);
    return down ? new Response("down", { status: 503 }) : Response.json({ degrees: 20 });
  });
  await using runner = await start({ FORECAST_URL: `http://127.0.0.1:${server.addr.port}` });
  const cities = [...Array(15).keys()].map((n) => `city-${n}`);
  for (const city of cities) assertEquals(await post(runner, "forecast", JSON.stringify({ city })), 202);
  await runner.waitForLog(({ message }) => message.startsWith("paused: "));
  assertEquals((await seen(runner)).forecast.state, "paused");
  down = false;
  const told = () => runner.log.filter(({ message }) => message.endsWith(": 20 degrees")).length;
  await eventually(() => told() === cities.length, { timeout: 90_000 });
  assert(asked.length > cities.length);
});
