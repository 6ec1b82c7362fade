import { WarrenError } from "../../lib/base/errors.ts";
import type { DeadLetter } from "../../lib/invocation/dead_letters/dead_letter.ts";
import type {
  DeadLetterBox,
  DeadLetterEdit,
  RedriveOptions,
  Sweep,
  SweepOptions,
} from "../../lib/invocation/dead_letters/dead_letter_box.ts";
import { matches } from "../../lib/invocation/dead_letters/dead_letter_filter.ts";

/** Dead letters in memory, as a broker's would behave. */
export class FakeLetters implements DeadLetterBox {
  readonly queue: string;
  letters: DeadLetter[];
  /** Those that went back to the work queue. */
  readonly sent: DeadLetter[] = [];
  readonly edits: { id: string; change: DeadLetterEdit }[] = [];
  /** Redriving and purging wait for it after each message. */
  gate: Promise<void> | undefined;

  constructor(queue: string, letters: DeadLetter[]) {
    this.queue = queue;
    this.letters = letters;
  }

  list(onLetter: (letter: DeadLetter) => void, options: SweepOptions = {}): Promise<Sweep> {
    return this.#sweep(options, onLetter);
  }

  async find(id: string): Promise<DeadLetter> {
    const found = this.letters.find((letter) => letter.id === id);
    if (!found) throw new WarrenError("missing", `there is no dead letter with the id "${id}"`);
    return await Promise.resolve(found);
  }

  redrive(options: RedriveOptions = {}): Promise<Sweep> {
    return this.#sweep(options, options.dryRun ? () => {} : (letter) => this.#take(letter, true), !options.dryRun);
  }

  async edit(id: string, change: DeadLetterEdit): Promise<void> {
    const letter = await this.find(id);
    const type = change.contentType ?? letter.properties.contentType;
    if (type === "application/json" && change.body) {
      try {
        JSON.parse(new TextDecoder().decode(change.body));
      } catch {
        throw new WarrenError("undecodable", "the body is not the JSON its content type says");
      }
    }
    this.edits.push({ id, change });
    this.#take(letter, true);
  }

  purge(options: SweepOptions = {}): Promise<Sweep> {
    return this.#sweep(options, (letter) => this.#take(letter, false), true);
  }

  #take(letter: DeadLetter, sent: boolean): void {
    this.letters = this.letters.filter((one) => one !== letter);
    if (sent) this.sent.push(letter);
  }

  async #sweep(options: SweepOptions, act: (letter: DeadLetter) => void, counts = false): Promise<Sweep> {
    const { filter = {}, limit = Infinity, signal, onProgress } = options;
    const all = [...this.letters];
    let sweep: Sweep = { depth: all.length, looked: 0, matched: 0, done: 0, unreadable: 0, stopped: undefined };
    for (const letter of all) {
      if (sweep.matched >= limit) break;
      if (signal?.aborted) return { ...sweep, stopped: "signal" };
      const fits = matches(filter, letter);
      if (fits) act(letter);
      const more = fits ? 1 : 0;
      sweep = {
        ...sweep,
        looked: sweep.looked + 1,
        matched: sweep.matched + more,
        done: sweep.done + (counts ? more : 0),
      };
      onProgress?.(sweep);
      if (counts) await this.gate;
    }
    return sweep;
  }
}

/** A dead letter; what is not given is usual. */
export function fakeLetter(id: string, more: Partial<DeadLetter> = {}, now = Date.now()): DeadLetter {
  const body = new TextEncoder().encode(`{"order":"${id}","total":"129,00"}`);
  return {
    id,
    reason: "failed",
    errorType: "TypeError",
    error: `total is not a number: "129,00" of order ${id}`,
    stack: "TypeError: total is not a number\n    at charge (file:///app/functions/orders/created.ts:41:11)",
    attempts: 5,
    redriven: 0,
    function: "orders.created",
    host: "warren-a",
    failedAt: new Date(now - 60_000),
    firstSeen: new Date(now - 90_000),
    exchange: "events",
    routingKey: "orders.created",
    size: body.length,
    unreadable: undefined,
    headers: { tenant: "acme", "warren-reason": "failed" },
    properties: { contentType: "application/json", messageId: id },
    body,
    ...more,
  };
}

export function fakeLetters(count: number, now = Date.now()): DeadLetter[] {
  return Array.from(
    { length: count },
    (_, at) =>
      fakeLetter(
        `order-${4711 + at}`,
        at % 7 === 3
          ? {
            reason: "timedOut",
            errorType: "TimeoutError",
            error: `no answer from "stock" within ${1000 + at} ms`,
            headers: { tenant: "globex" },
          }
          : {},
        now - at * 1_000,
      ),
  );
}
