import type { Message } from "./message.ts";
import type { Location } from "../store/segments.ts";

/** What the disk knows of an entry: nothing, nothing yet, in a transaction that is open, or for good. */
export const STORED = { no: 0, soon: 1, written: 2, yes: 3 } as const;
export type Stored = typeof STORED[keyof typeof STORED];

/** One message in one queue. */
export class Entry {
  /** Its place: an entry goes before all those with higher ones, also when it comes back. */
  readonly position: number;
  /** Absent while only the disk has it. */
  message: Message | undefined;
  readonly bodySize: number;
  /** Milliseconds since 1970 by the wall clock, since it outlives a restart; 0 is never. */
  readonly expiresAt: number;
  redelivered = false;
  /** How often it came back without an ack. */
  returns = 0;
  stored: Stored = STORED.no;
  /** Where its content is, if it has a place of its own on disk. */
  location: Location | undefined;

  constructor(position: number, message: Message | undefined, bodySize: number, expiresAt: number) {
    this.position = position;
    this.message = message;
    this.bodySize = bodySize;
    this.expiresAt = expiresAt;
  }
}
