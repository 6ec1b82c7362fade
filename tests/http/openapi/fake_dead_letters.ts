import { WarrenError } from "../../../lib/base/errors.ts";
import type { DeadLetter } from "../../../lib/invocation/dead_letters/dead_letter.ts";
import type { DeadLetterBox, Sweep, SweepOptions } from "../../../lib/invocation/dead_letters/dead_letter_box.ts";

/** One dead letter, `m1`, that nothing changes. */
export class FakeDeadLetters implements DeadLetterBox {
  readonly queue = "hello.dead";
  /** What a redrive or a purge waits for, unless it is stopped. */
  busy: Promise<void> | undefined;

  list(onLetter: (letter: DeadLetter) => void): Promise<Sweep> {
    onLetter(LETTER);
    return Promise.resolve(SWEEP);
  }

  find(id: string): Promise<DeadLetter> {
    return id === LETTER.id ? Promise.resolve(LETTER) : Promise.reject(missing(id));
  }

  redrive(options: SweepOptions = {}): Promise<Sweep> {
    return this.#sweep(options);
  }

  purge(options: SweepOptions = {}): Promise<Sweep> {
    const { filter: { id } = {} } = options;
    return id === undefined || id === LETTER.id ? this.#sweep(options) : Promise.resolve({ ...SWEEP, matched: 0 });
  }

  edit(id: string, { body }: { body?: Uint8Array }): Promise<void> {
    if (id !== LETTER.id) return Promise.reject(missing(id));
    if (body?.length === 1) return Promise.reject(new WarrenError("undecodable", "not JSON"));
    return Promise.resolve();
  }

  async #sweep({ signal, onProgress }: SweepOptions): Promise<Sweep> {
    onProgress?.(SWEEP);
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    signal?.addEventListener("abort", () => resolve());
    await Promise.race([this.busy, stopped]);
    return { ...SWEEP, stopped: signal?.aborted ? "signal" : undefined };
  }
}

const SWEEP: Sweep = { depth: 1, looked: 1, matched: 1, done: 1, unreadable: 0, stopped: undefined };

const LETTER: DeadLetter = {
  id: "m1",
  reason: "failed",
  errorType: "TypeError",
  error: "no such order",
  stack: "at pay.ts:1",
  attempts: 3,
  redriven: 0,
  function: "hello",
  host: "here",
  failedAt: new Date(2),
  firstSeen: new Date(1),
  exchange: "",
  routingKey: "hello",
  size: 2,
  unreadable: undefined,
  headers: { tenant: "a" },
  properties: { contentType: "application/json", messageId: "m1" },
  body: new TextEncoder().encode("{}"),
};

function missing(id: string): WarrenError {
  return new WarrenError("missing", `there is no dead letter "${id}"`);
}
