import { join } from "node:path";
import { removeIfThere } from "./files.ts";

/** The location of a content: file, offset, and size in bytes. */
export interface Location {
  segment: number;
  place: number;
  size: number;
}

/** The references of a table to one segment. */
export interface SegmentUse {
  segment: number;
  count: number;
  /** The end of the last content. */
  end: number;
}

/** A segment is closed when it reaches this many bytes. */
const SEGMENT_SIZE = 16 * 1024 * 1024;
/** Contents are buffered up to this many bytes before they are written, and read together up to this size. */
const CHUNK = 256 * 1024;
/** How many files are kept open for reading. */
const OPEN_FILES = 32;
const NAME = /^segment-(\d+)$/;

/**
 * Contents that are too large for rows, appended to files. A file is deleted when no row refers to it any more. After a
 * crash, unreferenced data may remain at the end of a file, which is harmless.
 */
export class Segments {
  readonly #folder: string;
  readonly #live = new Map<number, number>();
  readonly #files = new Map<number, Deno.FsFile>();
  #current = 0;
  #writing: Deno.FsFile | undefined;
  readonly #buffer = new Uint8Array(CHUNK);
  #buffered = 0;
  /** Bytes of the current segment that are written to its file. */
  #written = 0;
  #unsynced = false;

  constructor(folder: string) {
    this.#folder = folder;
    Deno.mkdirSync(folder, { recursive: true });
    for (const { name } of Deno.readDirSync(folder)) {
      const number = Number(NAME.exec(name)?.[1] ?? 0);
      if (number > 0) this.#live.set(number, 0);
      this.#current = Math.max(this.#current, number);
    }
  }

  /** Registers a table's references, at the broker's start. @throws {Error} if a file is missing or too short */
  claim({ segment, count, end }: SegmentUse): void {
    const live = this.#live.get(segment);
    if (live === undefined) throw new Error(`${this.#path(segment)} is missing, and ${count} messages are in it`);
    const { size } = Deno.statSync(this.#path(segment));
    if (size < end) throw new Error(`${this.#path(segment)} has ${size} bytes, and messages up to ${end} are in it`);
    this.#live.set(segment, live + count);
  }

  /** Deletes files without references. Called after all tables have registered theirs. */
  sweep(): void {
    for (const [segment, live] of [...this.#live]) if (live === 0) this.#remove(segment);
  }

  /** Appends a content and counts one reference. It is readable at once, and durable after the next `sync()`. */
  append(content: Uint8Array): Location {
    if (!this.#writing || this.#written + this.#buffered >= SEGMENT_SIZE) this.#next();
    if (this.#buffered + content.length > CHUNK) this.#flush();
    const location = { segment: this.#current, place: this.#written + this.#buffered, size: content.length };
    if (content.length > CHUNK) this.#write(content);
    else {
      this.#buffer.set(content, this.#buffered);
      this.#buffered += content.length;
    }
    this.#unsynced = true;
    this.refer(location.segment, 1);
    return location;
  }

  has(segment: number): boolean {
    return this.#live.has(segment);
  }

  /** Adds references to a segment, or removes them if the number is negative. */
  refer(segment: number, count: number): void {
    const live = (this.#live.get(segment) ?? 0) + count;
    this.#live.set(segment, live);
    if (live <= 0 && segment !== this.#current) this.#remove(segment);
  }

  /** Makes the appended contents durable. */
  sync(): void {
    if (!this.#unsynced) return;
    this.#flush();
    this.#writing!.syncDataSync();
    this.#unsynced = false;
  }

  /** Reads the contents of committed rows, in the order of their locations. Neighbours in a file are read together. */
  read(locations: readonly Location[]): Uint8Array[] {
    const contents: Uint8Array[] = [];
    for (let from = 0; from < locations.length;) {
      const first = locations[from];
      let end = first.place + first.size;
      let to = from + 1;
      for (; to < locations.length; to++) {
        const { segment, place, size } = locations[to];
        if (segment !== first.segment || place < end || place + size - first.place > CHUNK) break;
        end = place + size;
      }
      const bytes = this.#readAt(first.segment, first.place, end - first.place);
      for (; from < to; from++) {
        const at = locations[from].place - first.place;
        contents.push(bytes.subarray(at, at + locations[from].size));
      }
    }
    return contents;
  }

  close(): void {
    this.#writing?.close();
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
  }

  #readAt(segment: number, place: number, size: number): Uint8Array {
    const file = this.#open(segment);
    file.seekSync(place, Deno.SeekMode.Start);
    const bytes = new Uint8Array(size);
    for (let filled = 0; filled < size;) {
      const count = file.readSync(bytes.subarray(filled));
      if (count === null) {
        throw new Error(`${this.#path(segment)} ends at ${place + filled}, in the middle of a message`);
      }
      filled += count;
    }
    return bytes;
  }

  #open(segment: number): Deno.FsFile {
    let file = this.#files.get(segment);
    // The map is ordered by last use.
    if (file) this.#files.delete(segment);
    else file = Deno.openSync(this.#path(segment), { read: true });
    this.#files.set(segment, file);
    if (this.#files.size > OPEN_FILES) {
      const [oldest] = this.#files.keys();
      this.#files.get(oldest)!.close();
      this.#files.delete(oldest);
    }
    return file;
  }

  #next(): void {
    this.sync();
    // If no file can be created, nothing changes.
    const next = Deno.openSync(this.#path(this.#current + 1), { write: true, createNew: true });
    this.#writing?.close();
    this.#writing = next;
    const last = this.#current++;
    this.#written = 0;
    this.#live.set(this.#current, 0);
    syncFolder(this.#folder);
    if (this.#live.get(last) === 0) this.#remove(last);
  }

  #flush(): void {
    if (this.#buffered === 0) return;
    const bytes = this.#buffer.subarray(0, this.#buffered);
    this.#write(bytes);
    this.#buffered = 0;
  }

  /** Throws if the disk is full. The next try overwrites what was partly written. */
  #write(bytes: Uint8Array): void {
    this.#writing!.seekSync(this.#written, Deno.SeekMode.Start);
    for (let sent = 0; sent < bytes.length;) sent += this.#writing!.writeSync(bytes.subarray(sent));
    this.#written += bytes.length;
  }

  #remove(segment: number): void {
    this.#live.delete(segment);
    this.#files.get(segment)?.close();
    this.#files.delete(segment);
    removeIfThere(this.#path(segment));
  }

  #path(segment: number): string {
    return join(this.#folder, `segment-${segment}`);
  }
}

/** Syncs the folder, so that a new file's name is durable. Some systems do that themselves. */
function syncFolder(folder: string): void {
  try {
    using directory = Deno.openSync(folder);
    directory.syncSync();
  } catch {
    // Windows cannot open folders.
  }
}
