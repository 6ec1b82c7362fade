import type { AMQPMessage } from "@cloudamqp/amqp-client";
import { END, type Fate, fateOf, numberOf, STAGES } from "./ledger_pipeline.ts";

/** What may be in the ledger for one line: where a message ended and why. */
interface Line {
  expected: number;
  there: number;
  /** Copies beyond the first of each message. */
  surplus: number;
}

/** Counts where every message came out, against where each must. */
export class Balance {
  readonly #seed: number;
  readonly #count: number;
  readonly #copies: Uint16Array;
  readonly #lines = new Map<string, Line>();
  /** Copies that are where, or as, their message must not be. */
  readonly misplaced: string[] = [];

  constructor(seed: number, count: number) {
    this.#seed = seed;
    this.#count = count;
    this.#copies = new Uint16Array(count);
    for (const at of STAGES) for (const reason of ["failed", "rejected"]) this.#line(`${at}, ${reason}`);
    this.#line(END);
    for (let n = 0; n < count; n++) this.#line(nameOf(fateOf(seed, n))).expected++;
  }

  /** A message that was found in a queue at the end. */
  found(at: string, message: AMQPMessage): void {
    const headers = message.properties.headers ?? {};
    const id = message.properties.messageId ?? "";
    const n = Number(message.bodyString());
    const due = fateOf(this.#seed, n);
    const is = at === END
      ? { at, id }
      : { at, reason: headers["warren-reason"], attempts: headers["warren-attempts"], id };
    const fits = n >= 0 && n < this.#count && JSON.stringify(is) === JSON.stringify(due);
    if (!fits) return void this.misplaced.push(`${n}: ${JSON.stringify(is)} instead of ${JSON.stringify(due)}`);
    const line = this.#line(nameOf(due));
    line.there++;
    if (this.#copies[n]++ > 0) line.surplus++;
  }

  /** The messages that came out nowhere. */
  get lost(): number[] {
    return [...this.#copies.keys()].filter((n) => this.#copies[n] === 0);
  }

  get surplus(): number {
    return this.#sum("surplus");
  }

  /** Copies beyond the first that no line of a log explains: each of `events` is one more run, or one more copy. */
  unexplained(events: Iterable<string>): number {
    const explained = new Map<number, number>();
    for (const id of events) explained.set(numberOf(id), (explained.get(numberOf(id)) ?? 0) + 1);
    return this.#copies.reduce((sum, copies, n) => sum + Math.max(0, copies - 1 - (explained.get(n) ?? 0)), 0);
  }

  get table(): string {
    const row = (name: string, ...values: (string | number)[]) =>
      name.padEnd(18) + values.map((value) => String(value).padStart(10)).join("");
    return [
      row("", "must", "are", "twice"),
      ...[...this.#lines].map(([name, { expected, there, surplus }]) => row(name, expected, there, surplus)),
      row("sum", this.#sum("expected"), this.#sum("there"), this.#sum("surplus")),
    ].join("\n");
  }

  #sum(column: keyof Line): number {
    return [...this.#lines.values()].reduce((sum, line) => sum + line[column], 0);
  }

  #line(name: string): Line {
    const line = this.#lines.get(name) ?? { expected: 0, there: 0, surplus: 0 };
    this.#lines.set(name, line);
    return line;
  }
}

function nameOf({ at, reason }: Fate): string {
  return reason ? `${at}, ${reason}` : at;
}
