import { type FunctionConfig, type Handler, Reject, Retry } from "warren";

/**
 * Asks a service that limits how often it may be asked, and that fails now and then:
 *
 * - `rateLimit` starts no more than ten requests in a second, in each runner.
 * - A failure is tried again after a second, ten seconds and a minute. If the service says when, then at that time.
 * - If half of the requests in a minute fail, the kill switch pauses the function, and the messages stay in the queue.
 */
export const config = {
  rateLimit: { limit: 10, per: "1s" },
  retry: ["1s", "10s", "1m"],
  killSwitch: { window: "1m", errorRate: 0.5, minimum: 10, coolDown: "5s" },
  timeout: "5s",
  output: "forecasts",
  permissions: { net: ["127.0.0.1"], env: ["FORECAST_URL"] },
} satisfies FunctionConfig;

export interface Place {
  city: string;
}

export interface Forecast {
  city: string;
  degrees: number;
}

const forecast: Handler<Place, Forecast> = async ({ body: { city } }, { signal }) => {
  const url = Deno.env.get("FORECAST_URL") ?? "http://127.0.0.1:8090";
  const response = await fetch(`${url}/forecast/${encodeURIComponent(city)}`, { signal });
  if (response.status === 404) throw new Reject(`there is no city "${city}"`);
  if (response.status === 429) throw new Retry({ delay: secondsOf(response), message: "asked too often" });
  if (!response.ok) throw new Error(`the service answered with ${response.status}`);
  const { degrees } = await response.json();
  return { city, degrees };
};
export default forecast;

/** What the service says about when to ask again. */
function secondsOf(response: Response): `${number}s` {
  return `${Number(response.headers.get("retry-after") ?? 1)}s`;
}
