import type { AnnouncedRunner, Announcement } from "../../invocation/insight/fleet.ts";

export interface RosterOptions {
  /** Milliseconds of silence after which a runner is gone. */
  goneAfter: number;
  /** Milliseconds after which one that is gone is forgotten. */
  forgetAfter: number;
  /** Runners that are remembered; more are not taken in. @default 500 */
  most?: number;
  /** Milliseconds, monotonic. */
  now: () => number;
  /** Milliseconds since 1970. @default Date.now */
  wallClock?: () => number;
}

interface Known {
  announcement: Announcement;
  /** By the monotonic clock. */
  heardAt: number;
  /** By the wall clock. */
  seenAt: number;
}

/** The other runners, as far as they were heard. */
export class Roster {
  readonly #options: RosterOptions;
  readonly #known = new Map<string, Known>();

  constructor(options: RosterOptions) {
    this.#options = options;
  }

  /** A runner announced itself. */
  heard(announcement: Announcement): void {
    const { most = 500, now, wallClock = Date.now } = this.#options;
    this.#forget();
    const isNew = !this.#known.has(announcement.id);
    if (isNew && this.#known.size >= most && !this.#forgetOneThatIsGone()) return;
    this.#known.set(announcement.id, { announcement, heardAt: now(), seenAt: wallClock() });
  }

  /** A runner says that nothing changed. One that is not known announces itself in a while. */
  alive(id: string): void {
    const known = this.#known.get(id);
    if (!known) return;
    known.heardAt = this.#options.now();
    known.seenAt = (this.#options.wallClock ?? Date.now)();
  }

  goodbye(id: string): void {
    this.#known.delete(id);
  }

  /** This runner was disconnected until now, so the silence of others means nothing. */
  excuse(): void {
    const now = this.#options.now();
    for (const known of this.#known.values()) if (!this.#isGone(known)) known.heardAt = now;
  }

  /** By their names; those that are gone come last. */
  list(): AnnouncedRunner[] {
    this.#forget();
    return [...this.#known.values()]
      .map((known) => ({
        ...known.announcement,
        seenAt: known.seenAt,
        gone: this.#isGone(known),
        self: false,
      }))
      .sort((a, b) => Number(a.gone) - Number(b.gone) || a.name.localeCompare(b.name));
  }

  #isGone({ heardAt }: Known): boolean {
    return this.#options.now() - heardAt > this.#options.goneAfter;
  }

  /** Makes room; false where all are there. */
  #forgetOneThatIsGone(): boolean {
    for (const [id, known] of this.#known) if (this.#isGone(known)) return this.#known.delete(id);
    return false;
  }

  #forget(): void {
    const { now, goneAfter, forgetAfter } = this.#options;
    for (const [id, { heardAt }] of this.#known) {
      if (now() - heardAt > goneAfter + forgetAfter) this.#known.delete(id);
    }
  }
}
