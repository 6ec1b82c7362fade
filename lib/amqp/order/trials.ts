/** A note in the queue of a partition's trials. */
export type TrialNote =
  /** A message began to run that may be what ends its runners. */
  | { readonly trial: string; readonly message: string }
  /** The runner of these trials lost its connection, but lives. */
  | { readonly lived: readonly string[] }
  /** All earlier notes have been read. */
  | { readonly mark: string };

/** Where notes are stored. Published notes return through `receive()`. */
export interface TrialNotes {
  /** Resolves once the broker has it. */
  publish(note: TrialNote): Promise<void>;
  ack(tag: number): void;
}

/** Acks of notes are not confirmed: this many of the last ones may be lost with the connection. */
const RECENT = 100;

/**
 * Finds out which message of a partition ends its runners, without moving it. While such a message runs there is a note
 * that names it, and its end takes the note away. A note whose trial has no end is a death of a runner.
 *
 * A runner that lost its connection left its notes behind as well. It says so as soon as it is connected again, and they
 * count no more.
 */
export class Trials {
  readonly #notes: TrialNotes;
  /** By trial id. */
  readonly #left = new Map<string, { message: string; tag: number }>();
  /** The trials that run here, with their messages. */
  readonly #running = new Map<string, string>();
  /** Trials that ended here, whose note has not returned yet. */
  readonly #ended = new Set<string>();
  /** Trials whose runner lives, whose note has not come yet. */
  readonly #lived = new Set<string>();
  /** The last trials that ended here. It is unknown whether the broker got their acks. */
  readonly #recent: string[] = [];
  readonly #marks = new Map<string, () => void>();

  constructor(notes: TrialNotes) {
    this.#notes = notes;
  }

  receive(note: TrialNote | undefined, tag: number): void {
    if (note && "trial" in note && !this.#ended.delete(note.trial) && !this.#lived.delete(note.trial)) {
      this.#left.set(note.trial, { message: note.message, tag });
      return;
    }
    // The broker may return the next trial's note first.
    if (note && "lived" in note) { for (const trial of note.lived) if (!this.#forget(trial)) this.#lived.add(trial); }
    if (note && "mark" in note) this.#marks.get(note.mark)?.();
    this.#notes.ack(tag);
  }

  /** Resolves once all notes that are in the queue now have arrived. */
  async read(): Promise<void> {
    const mark = crypto.randomUUID();
    const read = new Promise<void>((resolve) => this.#marks.set(mark, resolve));
    await this.#notes.publish({ mark });
    await read;
    this.#marks.delete(mark);
  }

  /** The number of runners that ended while they ran the message. */
  deaths(message: string): number {
    let deaths = 0;
    for (const [trial, left] of this.#left) if (left.message === message && !this.#running.has(trial)) deaths++;
    return deaths;
  }

  /** The message is about to run. Returns the trial. */
  async begin(message: string): Promise<string> {
    const trial = crypto.randomUUID();
    this.#running.set(trial, message);
    await this.#notes.publish({ trial, message });
    return trial;
  }

  /** All trials of the message ended while the runner lived. */
  end(message: string): void {
    for (const [trial, running] of [...this.#running]) {
      if (running !== message) continue;
      this.#running.delete(trial);
      if (this.#recent.push(trial) > RECENT) this.#recent.shift();
      if (!this.#forget(trial)) this.#ended.add(trial);
    }
  }

  /** The message has left its queue, so its trials are forgotten. */
  clear(message: string): void {
    this.end(message);
    for (const [trial, left] of [...this.#left]) if (left.message === message) this.#forget(trial);
  }

  /** The messages whose trials run here. */
  get running(): string[] {
    return [...new Set(this.#running.values())];
  }

  /**
   * The trials whose notes would remain if the connection were lost now: running ones, and those that have just ended.
   */
  get uncertain(): string[] {
    return [...this.#running.keys(), ...this.#recent];
  }

  /** Whether notes of ended trials still have to be removed. */
  get pending(): boolean {
    return this.#ended.size > 0;
  }

  #forget(trial: string): boolean {
    const left = this.#left.get(trial);
    if (left) this.#notes.ack(left.tag);
    return this.#left.delete(trial);
  }
}
