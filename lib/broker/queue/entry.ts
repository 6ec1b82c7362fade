import type { Message } from "./message.ts";
import type { Location } from "../store/segments.ts";

/** The state of an entry on disk: not stored, waiting for a write, written in an open transaction, or committed. */
export const STORED = { no: 0, soon: 1, written: 2, yes: 3 } as const;
export type Stored = typeof STORED[keyof typeof STORED];

/** One message in one queue. */
export class Entry {
  /** Order in the queue. A returned entry keeps its position. */
  readonly position: number;
  /** Undefined while it is only on disk. */
  message: Message | undefined;
  readonly bodySize: number;
  /** Milliseconds since 1970. Wall-clock time, since it must survive a restart. 0 means never. */
  readonly expiresAt: number;
  redelivered = false;
  /** How often it was returned without an ack. */
  returns = 0;
  stored: Stored = STORED.no;
  /** The location of its content, if that is in a segment file. */
  location: Location | undefined;

  constructor(position: number, message: Message | undefined, bodySize: number, expiresAt: number) {
    this.position = position;
    this.message = message;
    this.bodySize = bodySize;
    this.expiresAt = expiresAt;
  }
}
