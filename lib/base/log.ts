import { LineWriter } from "./line_writer.ts";

/** From the most to the least talkative; `silent` says nothing. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = typeof LOG_LEVELS[number];

/** A level that somebody else named; `info` where there is none of that name. */
export function toLogLevel(name: string): LogLevel {
  return LOG_LEVELS.find((level) => level === name) ?? "info";
}

/** `text` is for people, `json` has one object a line. */
export const LOG_FORMATS = ["text", "json"] as const;
export type LogFormat = typeof LOG_FORMATS[number];

export type LogFields = Record<string, unknown>;

/** No line is longer than this, in characters, whatever a function logs. */
const MAX_LINE = 16_384;

export interface LoggerOptions {
  /** @default "info" */
  level?: LogLevel;
  /** @default "json" */
  format?: LogFormat;
  /** @default false */
  color?: boolean;
  /** Takes one finished line without its line end. @default standard error */
  write?: (line: string) => void;
}

const COLORS: Record<string, string> = { debug: "\x1b[2m", info: "\x1b[36m", warn: "\x1b[33m", error: "\x1b[31m" };
const STANDARD_ERROR = new LineWriter((bytes) => Deno.stderr.writeSync(bytes));

/**
 * Writes structured lines. `child()` gives a logger whose fields are in each of
 * its lines. Line breaks and control characters in values are escaped, so that
 * no value can look like another line.
 */
export class Logger {
  readonly #options: Required<LoggerOptions>;
  readonly #fields: LogFields;

  constructor(options: LoggerOptions = {}, fields: LogFields = {}) {
    this.#options = {
      level: options.level ?? "info",
      format: options.format ?? "json",
      color: options.color ?? false,
      write: options.write ?? ((line) => STANDARD_ERROR.line(line)),
    };
    this.#fields = fields;
  }

  /** What another process needs to write the same kind of lines. */
  get settings(): { level: LogLevel; format: LogFormat; color: boolean } {
    const { level, format, color } = this.#options;
    return { level, format, color };
  }

  child(fields: LogFields): Logger {
    return new Logger(this.#options, { ...this.#fields, ...fields });
  }

  enabled(level: LogLevel): boolean {
    return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(this.#options.level);
  }

  debug(message: string, fields?: LogFields): void {
    this.log("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.log("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.log("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.log("error", message, fields);
  }

  log(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (level === "silent" || !this.enabled(level)) return;
    // The logger's own come last: what a function logs cannot claim to be another function's.
    const all = { ...fields, ...this.#fields };
    const line = this.#options.format === "json" ? this.#json(level, message, all) : this.#text(level, message, all);
    try {
      this.#options.write(line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line);
    } catch {
      // A closed terminal must not end the runner: there is nowhere left to say it.
    }
  }

  #json(level: LogLevel, message: string, fields: LogFields): string {
    // Values are cut one by one, so that a long one leaves the line parseable.
    const short = (_key: string, value: unknown) =>
      typeof value === "string" && value.length > MAX_LINE / 4
        ? `${value.slice(0, MAX_LINE / 4)}…`
        : typeof value === "bigint"
        ? String(value)
        : value;
    const head = { time: new Date().toISOString(), level, message };
    try {
      const line = JSON.stringify({ ...fields, ...head }, short);
      if (line.length <= MAX_LINE) return line;
    } catch {
      // A circular field, or one with a toJSON() that throws.
    }
    // Escaped, a character has up to six: this fits whatever is in it.
    const cut = { message: message.slice(0, MAX_LINE / 16), fields: Deno.inspect(fields).slice(0, MAX_LINE / 16) };
    return JSON.stringify({ ...head, ...cut });
  }

  #text(level: LogLevel, message: string, fields: LogFields): string {
    const time = new Date().toTimeString().slice(0, 8);
    const [dim, reset] = this.#options.color ? ["\x1b[2m", "\x1b[0m"] : ["", ""];
    const tag = level.toUpperCase().padEnd(5);
    const colored = this.#options.color ? `${COLORS[level]}${tag}${reset}` : tag;
    const { stack, ...short } = fields;
    const below = typeof stack === "string" ? printable(`\n${stack}`) : "";
    const rest = Object.entries(short)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => `${fieldText(key)}=${fieldText(value)}`)
      .join(" ");
    return `${dim}${time}${reset} ${colored} ${printable(message)}${rest && ` ${dim}${rest}${reset}`}${
      below && `${dim}${below}${reset}`
    }`;
  }
}

function fieldText(value: unknown): string {
  const isList = Array.isArray(value) && value.every((item) => typeof item === "string");
  if (isList) return `[${value.map(fieldText).join(" ")}]`;
  const text = typeof value === "string" ? value : Deno.inspect(value, { compact: true, breakLength: Infinity });
  return /^[\w./:@+-]+$/.test(text) ? text : JSON.stringify(text);
}

/** The text with line breaks indented and every other control character escaped. */
function printable(text: string): string {
  return text
    .replaceAll(/\r?\n/g, "\n         ")
    // deno-lint-ignore no-control-regex
    .replaceAll(/[\x00-\x09\x0b-\x1f\x7f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
