import { WarrenError } from "../base/errors.ts";

/** Where the message was published, and whether this machine's own broker was expected there and not found. */
export interface Place {
  exchange: string;
  routingKey: string;
  missing: boolean;
}

/** The error, with a hint about what to do. */
export function withHint(error: unknown, place: Place): unknown {
  if (!(error instanceof WarrenError)) return error;
  if (error.code === "unavailable" && place.missing) {
    const hint = "start one with: deno task start, or deno task broker; or set AMQP_URL";
    return new WarrenError(error.code, `${error.message}; ${hint}`);
  }
  if (error.code !== "unroutable") return error;
  const hint = place.exchange
    ? "is a queue bound to it?"
    : `is the function running? "deno task start" declares the queue ${place.routingKey}`;
  return new WarrenError(error.code, `${error.message}; ${hint}`);
}
