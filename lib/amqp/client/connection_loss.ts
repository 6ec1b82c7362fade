import { AMQPError } from "@cloudamqp/amqp-client";
import { WarrenError } from "../../base/errors.ts";

/** The operating system's codes for a lost connection: `ECONNRESET`, `EPIPE`. */
const SYSTEM = /^E[A-Z]+$/;

/**
 * Whether an error says that a connection to the broker was lost. The AMQP client leaves such rejections behind, which
 * nobody can await: whatever waits for the connection fails by itself.
 */
export function isConnectionLoss(error: unknown): boolean {
  if (error instanceof AMQPError) return true;
  if (error instanceof WarrenError) return error.code === "unavailable";
  return error instanceof Error && "code" in error && SYSTEM.test(String(error.code));
}
