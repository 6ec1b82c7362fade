import { WarrenError } from "../base/errors.ts";

/** What was published where, and whether that is this machine's own broker, which is missing. */
export interface Place {
  exchange: string;
  routingKey: string;
  missing: boolean;
}

/** The error with what to do about it. */
export function withMend(error: unknown, place: Place): unknown {
  if (!(error instanceof WarrenError)) return error;
  if (error.code === "unavailable" && place.missing) {
    const mend = "start one with: deno task start, or deno task broker; or set AMQP_URL";
    return new WarrenError(error.code, `${error.message}; ${mend}`);
  }
  if (error.code !== "unroutable") return error;
  const mend = place.exchange
    ? "is a queue bound to it?"
    : `is the function running? "deno task start" declares the queue ${place.routingKey}`;
  return new WarrenError(error.code, `${error.message}; ${mend}`);
}
