const UNITS: readonly [unit: string, size: number][] = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000]];
const SIZES = ["B", "kB", "MB", "GB"];

/** What a number is that nobody knows. */
export const UNKNOWN = "–";

/** `1 234 567` with narrow spaces; `–` where it is not known. */
export function count(value: number | undefined): string {
  return value === undefined ? UNKNOWN : String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** How long something took or waits, in at most two units: `850 ms`, `12 s`, `3 min 20 s`, `2 d 4 h`. */
export function duration(ms: number | undefined): string {
  if (ms === undefined || !Number.isFinite(ms)) return UNKNOWN;
  const value = Math.max(0, ms);
  if (value < 10) return `${Math.round(value * 10) / 10} ms`;
  if (value < 1_000) return `${Math.round(value)} ms`;
  if (value < 10_000) return `${Math.round(value / 100) / 10} s`;
  const at = UNITS.findIndex(([, size]) => value >= size);
  if (at < 0) return `${Math.round(value / 1_000)} s`;
  const [unit, size] = UNITS[at];
  const [small, smallSize] = UNITS[at + 1] ?? ["s", 1_000];
  const rest = Math.floor((value % size) / smallSize);
  return `${Math.floor(value / size)} ${unit}${rest > 0 ? ` ${rest} ${small}` : ""}`;
}

/** `1.2 MB` */
export function bytes(size: number | undefined): string {
  if (size === undefined) return UNKNOWN;
  let at = 0;
  let value = size;
  for (; value >= 1_000 && at < SIZES.length - 1; at++) value /= 1_000;
  return `${value < 10 && at > 0 ? value.toFixed(1) : Math.round(value)} ${SIZES[at]}`;
}

/** A share of a whole: `0 %`, `0.4 %`, `12 %`. */
export function percent(part: number, whole: number): string {
  if (whole <= 0) return UNKNOWN;
  const share = part / whole * 100;
  return `${share > 0 && share < 1 ? share.toFixed(1) : Math.round(share)} %`;
}

/** `1 message`, `3 messages` */
export function plural(value: number, one: string, more = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : more}`;
}

/** A text of at most so many characters. */
export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/** `14:03:07`, in UTC: the page's script shows the reader's own time. */
export function clock(time: number): string {
  return new Date(time).toISOString().slice(11, 19);
}

/** `2026-05-04 14:03:07`, in UTC. */
export function dateAndClock(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replace("T", " ");
}

/** Names in a sentence: `a, b and c`. */
export function listed(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most);
  const more = names.length - shown.length;
  if (more > 0) return `${shown.join(", ")} and ${more} more`;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}
