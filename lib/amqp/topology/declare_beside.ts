import { Backoff, delay } from "../../base/time/backoff.ts";
import { describeError, WarrenError } from "../../base/errors.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Logger } from "../../base/log.ts";
import type { Client } from "../client/client.ts";
import type { Topology } from "./topology.ts";
import { unlessAborted } from "../client/unless_aborted.ts";

export interface DeclareBesideOptions {
  topology: Pick<Topology, "declareQueue" | "declareRest">;
  definition: FunctionDefinition;
  log: Logger;
  /** Aborts when the consumer ends. */
  signal: AbortSignal;
  /** Called while the declaration of the queue itself has no answer. */
  onLate?: (detail: string) => void;
  /** Milliseconds that the consumer waits for the other declarations. @default 1_000 */
  patience?: number;
  /** @default growing from 500 ms to 15 s */
  backoff?: Backoff;
}

/**
 * Declares what a consumer needs, its queue, and then all the rest. Where that takes long it is no reason to wait: it goes
 * on beside the consumer, and is tried again with growing pauses until it is there, or until the signal aborts.
 *
 * @throws {WarrenError} whatever keeps the queue from being declared; `refused` where the broker says no to the rest
 */
export async function declareBeside(client: Client, options: DeclareBesideOptions): Promise<void> {
  const { topology, definition, signal, onLate, patience = 1_000 } = options;
  const cancelled = () => "cancelled";
  await unlessAborted(topology.declareQueue(client, definition, { signal, onLate }), signal, cancelled);
  const limit = new AbortController();
  const first = topology.declareRest(client, definition, { signal });
  const waited = delay(patience, limit.signal).then(() => "later" as const);
  try {
    const came = await unlessAborted(Promise.race([first, waited]), signal, cancelled);
    if (came === "later") void keepDeclaring(client, first, options);
  } catch (error) {
    if (signal.aborted || !(error instanceof WarrenError) || error.code !== "unavailable") throw error;
    void keepDeclaring(client, first, options);
  } finally {
    limit.abort();
  }
}

async function keepDeclaring(client: Client, first: Promise<void>, options: DeclareBesideOptions): Promise<void> {
  const { topology, definition, log, signal } = options;
  const backoff = options.backoff ?? new Backoff({ initial: 500, max: 15_000 });
  let declaring = first;
  let told = "";
  while (!signal.aborted) {
    try {
      await unlessAborted(declaring, signal, () => "cancelled");
      if (told) log.info("everything that was missing on the broker is declared now");
      return;
    } catch (error) {
      if (signal.aborted) return;
      const text = describeError(error);
      if (text !== told) {
        log.warn(`not all is declared that retries, dead letters or bindings need: ${text}; trying again meanwhile`);
      }
      told = text;
      await delay(backoff.next(), signal);
      if (signal.aborted) return;
      declaring = topology.declareRest(client, definition, { signal });
    }
  }
}
