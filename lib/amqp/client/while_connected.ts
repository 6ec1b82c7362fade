import { Backoff, delay } from "../../base/time/backoff.ts";
import type { Client } from "./client.ts";
import type { Connection } from "./connection.ts";

/** Milliseconds: what lasted this long is begun again without a delay from before. */
const STEADY = 10_000;

export interface WhileConnectedOptions {
  connection: Connection;
  /** The end, for good. */
  signal: AbortSignal;
  /** Milliseconds before the second try; the delays grow from there. */
  initial: number;
  /** It was interrupted, and begins again. */
  onInterrupted(error: unknown): void;
}

/** Runs `session` on the connection's client, again whenever it rejects, until it resolves or the signal aborts. */
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
