import { WarrenError } from "../../base/errors.ts";
import { Problem } from "../problem.ts";

export interface BodyOptions {
  /** Milliseconds that a body may take however small it is. @default 30_000 */
  grace?: number;
  /** Bytes a second that a body must have on average once the grace is over. @default 1_024 */
  pace?: number;
}

/** Bytes of the first buffer for a body that comes in parts. */
const FIRST = 65_536;

/**
 * Reads the whole body of a request, up to the limit. If it throws, the rest of the body is still to be read: see
 * `dropUnread()`.
 *
 * @throws {WarrenError} `tooLarge` as soon as the limit is exceeded
 * @throws {Problem} 400 if the client disconnects before the end, 408 if it sends too slowly
 */
export async function bodyOf(request: Request, limit: number, options: BodyOptions = {}): Promise<Uint8Array> {
  if (Number(request.headers.get("content-length") ?? 0) > limit) throw tooLarge(limit);
  const reader = request.body?.getReader();
  if (!reader) return new Uint8Array();
  const gathered = new Gathered();
  const slow = new SlowWatch(reader, gathered, options);
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return gathered.bytes();
      if (gathered.size + value.length > limit) throw tooLarge(limit);
      gathered.add(value);
    }
  } catch (error) {
    reader.releaseLock();
    if (error instanceof WarrenError) throw error;
    if (slow.problem) throw slow.problem;
    throw new Problem(400, "Bad Request", `the body broke off after ${gathered.size} bytes`);
  } finally {
    slow.stop();
  }
}

function tooLarge(limit: number): WarrenError {
  return new WarrenError("tooLarge", `the body is larger than ${limit} bytes`);
}

/** The parts of a body. A client may send each byte alone, so parts are copied together, and not kept as objects. */
class Gathered {
  #buffer: Uint8Array | undefined;
  size = 0;

  add(chunk: Uint8Array): void {
    const end = this.size + chunk.length;
    if (this.#buffer === undefined) this.#buffer = chunk;
    else {
      if (end > this.#buffer.length) this.#grow(end);
      this.#buffer.set(chunk, this.size);
    }
    this.size = end;
  }

  bytes(): Uint8Array {
    return this.#buffer?.subarray(0, this.size) ?? new Uint8Array();
  }

  #grow(least: number): void {
    const larger = new Uint8Array(Math.max(FIRST, least, this.#buffer!.length * 2));
    larger.set(this.bytes());
    this.#buffer = larger;
  }
}

/** Ends the reading of a body that comes too slowly. */
class SlowWatch {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #gathered: Gathered;
  readonly #grace: number;
  readonly #pace: number;
  readonly #begun = performance.now();
  #timer: ReturnType<typeof setTimeout>;
  /** Set once it came too slowly. */
  problem: Problem | undefined;

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, gathered: Gathered, options: BodyOptions) {
    const { grace = 30_000, pace = 1_024 } = options;
    this.#reader = reader;
    this.#gathered = gathered;
    this.#grace = grace;
    this.#pace = pace;
    this.#timer = setTimeout(() => this.#look(), grace);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #look(): void {
    const { size } = this.#gathered;
    const elapsed = performance.now() - this.#begun;
    const rest = this.#grace + size / this.#pace * 1_000 - elapsed;
    if (rest > 0) {
      this.#timer = setTimeout(() => this.#look(), Math.ceil(rest));
      return;
    }
    const detail = `only ${size} bytes of the body came in ${Math.round(elapsed)} ms; send it faster`;
    this.problem = new Problem(408, "Request Timeout", detail);
    // The read that waits fails.
    this.#reader.releaseLock();
  }
}
