import type { AMQPMessage } from "@cloudamqp/amqp-client";
import { WarrenError } from "../../base/errors.ts";
import { decodeBody } from "../../invocation/content/codec.ts";
import { isCompressionHeader } from "../../invocation/content/content_encoding.ts";
import type { DeadLetter } from "../../invocation/dead_letters/dead_letter.ts";
import type {
  DeadLetterBox,
  DeadLetterEdit,
  RedriveOptions,
  Sweep,
  SweepOptions,
} from "../../invocation/dead_letters/dead_letter_box.ts";
import { meansAll } from "../../invocation/dead_letters/dead_letter_filter.ts";
import { deadLetterQueue } from "../../invocation/definition/definition.ts";
import type { MessageProperties } from "../../mod.ts";
import type { Connection } from "../client/connection.ts";
import { keepReceived } from "../message/content_header.ts";
import { isTooLarge, wholeForms } from "../message/copy_forms.ts";
import { Scan, type ScanOptions } from "./dead_letter_scan.ts";
import { type Act, SweepRun } from "./dead_letter_sweep.ts";
import { bodyOf } from "../order/dead_letter_lane.ts";
import { redriveProperties, samePlaceProperties } from "../message/headers.ts";
import { HEADER_PREFIX, HEADERS } from "../message/names.ts";
import type { Publisher } from "../publishing/publisher.ts";

/** Redriven messages use a channel of their own, which a function's publishes cannot close. */
const CHANNEL = "dead letters";
/** Milliseconds for connecting. */
const PATIENCE = 5_000;
/** Seconds of work that may be held here while a rate limit delays it. */
const AHEAD_OF_RATE = 30;

export interface DeadLettersOptions {
  /** The connection for reading. */
  connection: Pick<Connection, "opened">;
  publisher: Pick<Publisher, "publish">;
  /** The queue that they return to. */
  queue: string;
}

/** The queue that the dead letters belong to, by its own name or by theirs. */
export function workQueue(name: string): string {
  const suffix = deadLetterQueue("");
  return name.endsWith(suffix) && name !== suffix ? name.slice(0, -suffix.length) : name;
}

/**
 * The dead letters of one queue. What goes back is published, confirmed, and only then acked: whatever breaks in
 * between, a message is there twice and never lost.
 */
export class DeadLetters implements DeadLetterBox {
  readonly queue: string;
  readonly #options: DeadLettersOptions;

  constructor(options: DeadLettersOptions) {
    this.#options = options;
    this.queue = deadLetterQueue(options.queue);
  }

  async list(onLetter: (letter: DeadLetter) => void, options: SweepOptions = {}): Promise<Sweep> {
    return await this.#sweep(options, (letter) => void onLetter(letter));
  }

  async find(id: string, options: { signal?: AbortSignal } = {}): Promise<DeadLetter> {
    let found: DeadLetter | undefined;
    const sweep = await this.list((letter) => found = letter, { ...options, filter: { id }, limit: 1 });
    if (!found) throw this.#missing(id, sweep);
    return found;
  }

  async redrive(options: RedriveOptions = {}): Promise<Sweep> {
    if (options.dryRun) return await this.#count(options);
    return await this.#sweep(options, (letter, signal) => {
      if (letter.unreadable) return undefined;
      return this.#publish(letter, signal).catch((error) => {
        if (isTooLarge(error)) return "stays";
        throw error;
      });
    });
  }

  async edit(id: string, change: DeadLetterEdit, options: { signal?: AbortSignal } = {}): Promise<void> {
    const sweep = await this.#sweep({ ...options, filter: { id }, limit: 1 }, async (letter, signal) => {
      await this.#publish(await edited(letter, change), signal);
    });
    if (sweep.matched === 0) throw this.#missing(id, sweep);
  }

  async purge(options: SweepOptions = {}): Promise<Sweep> {
    if (options.dryRun) return await this.#count(options);
    if (!meansAll(options.filter ?? {}) || options.limit !== undefined) {
      return await this.#sweep(options, () => Promise.resolve());
    }
    await using scan = await this.#open({ most: 0, signal: options.signal });
    const done = await scan.purge();
    await scan.close();
    return { depth: scan.depth, looked: 0, matched: done, done, unreadable: 0, stopped: undefined };
  }

  /** Counts the messages that match. Without a filter it asks the broker for the count. */
  async #count(options: SweepOptions): Promise<Sweep> {
    if (!meansAll(options.filter ?? {})) return await this.#sweep(options, () => undefined);
    await using scan = await this.#open({ most: 0, signal: options.signal });
    const matched = Math.min(scan.depth, options.limit ?? Infinity);
    return { depth: scan.depth, looked: 0, matched, done: 0, unreadable: 0, stopped: undefined };
  }

  async #sweep(options: RedriveOptions, act: Act): Promise<Sweep> {
    const { filter = {}, limit = Infinity, rate, signal } = options;
    const ahead = rate === undefined ? undefined : Math.max(1, Math.ceil(rate * AHEAD_OF_RATE));
    await using scan = await this.#open({ most: meansAll(filter) ? limit : Infinity, ahead, signal });
    return await new SweepRun(scan, options).run(act);
  }

  async #open(options: Omit<ScanOptions, "copy">): Promise<Scan> {
    const patience = AbortSignal.timeout(PATIENCE);
    const signal = options.signal ? AbortSignal.any([options.signal, patience]) : patience;
    const client = await this.#options.connection.opened(signal);
    return await Scan.open(client, this.queue, { ...options, copy: (message) => this.#copy(message) });
  }

  /** Copies a message unchanged to the end of the dead letters. */
  async #copy(message: AMQPMessage): Promise<void> {
    const { publisher } = this.#options;
    const copy = {
      exchange: "",
      routingKey: this.queue,
      body: bodyOf(message),
      properties: samePlaceProperties(message),
    };
    await publisher.publish(copy, { channel: CHANNEL, signal: AbortSignal.timeout(PATIENCE) });
  }

  /** Leaves out its stack, and then its error, if they do not fit beside the new headers. */
  async #publish(letter: DeadLetter, signal: AbortSignal): Promise<void> {
    const { publisher, queue: routingKey } = this.#options;
    const forms = wholeForms(redriveProperties(letter));
    for (let form = forms.next().value;;) {
      try {
        const message = { exchange: "", routingKey, body: letter.body, properties: form };
        return await publisher.publish(message, { channel: CHANNEL, signal });
      } catch (error) {
        form = isTooLarge(error) ? forms.next().value : undefined;
        if (!form) throw error;
      }
    }
  }

  #missing(id: string, { looked, stopped }: Sweep): WarrenError {
    const where = stopped ? `the first ${looked} messages of "${this.queue}"` : `"${this.queue}"`;
    return new WarrenError("missing", `there is no message with the id "${id}" in ${where}`);
  }
}

/** @throws {WarrenError} `refused`, `config`, `undecodable` or `tooLarge` */
async function edited(letter: DeadLetter, change: DeadLetterEdit): Promise<DeadLetter> {
  // The unreadable part may be the one that is replaced. Otherwise it becomes a dead letter again.
  const { [HEADERS.malformed]: _, ...headers } = letter.headers;
  for (const [name, value] of Object.entries(change.headers ?? {})) {
    if (name.startsWith(HEADER_PREFIX)) throw new WarrenError("config", `header "${name}" is Warren's own`);
    if (value === null) delete headers[name];
    else headers[name] = value;
  }
  // The header belongs to the old body.
  const stale = (name: string) => change.body !== undefined && isCompressionHeader(name, headers[name]);
  for (const name of Object.keys(headers).filter(stale)) delete headers[name];
  const { contentEncoding, ...rest } = letter.properties;
  const properties: MessageProperties = keepReceived({ ...rest }, letter.properties);
  // A new body is stored as given, without compression.
  if (change.body === undefined && contentEncoding !== undefined) properties.contentEncoding = contentEncoding;
  if (change.contentType !== undefined) properties.contentType = change.contentType;
  const body = change.body ?? letter.body;
  if (change.body !== undefined || change.contentType !== undefined) await decodeBody(body, properties, { headers });
  return { ...letter, headers, properties, body };
}
