import { Backoff, delay } from "../../base/time/backoff.ts";
import type { Client } from "./client.ts";
import type { Connection } from "./connection.ts";

/** Milliseconds. After a session that lasted this long, the delay starts small again. */
const STEADY = 10_000;

export interface WhileConnectedOptions {
  connection: Connection;
  /** Ends the sessions for good. */
  signal: AbortSignal;
  /** Delay before the second try in milliseconds. It grows from there. */
  initial: number;
  /** The session was interrupted and will begin again. */
  onInterrupted(error: unknown): void;
}

/** Runs `session` on the connection's client, and again when it rejects, until it resolves or the signal aborts. */
export async function whileConnected(
  { connection, signal, initial, onInterrupted }: WhileConnectedOptions,
  session: (client: Client) => Promise<void>,
): Promise<void> {
  const backoff = new Backoff({ initial, max: 15_000 });
  while (!signal.aborted) {
    const started = performance.now();
    try {
      return await session(await connection.opened(signal));
    } catch (error) {
      if (signal.aborted) return;
      onInterrupted(error);
    }
    if (performance.now() - started > STEADY) backoff.reset();
    await delay(backoff.next(), signal);
  }
}
