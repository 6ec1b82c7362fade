import { LineWriter } from "./line_writer.ts";

/** From the most verbose to the least. `silent` logs nothing. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = typeof LOG_LEVELS[number];

/** A level from an outside source. Unknown names become `info`. */
export function toLogLevel(name: string): LogLevel {
  return LOG_LEVELS.find((level) => level === name) ?? "info";
}

/** `text` is for people, `json` writes one object per line. */
export const LOG_FORMATS = ["text", "json"] as const;
export type LogFormat = typeof LOG_FORMATS[number];

export type LogFields = Record<string, unknown>;

/** The longest line, in characters. Longer lines are cut. */
const MAX_LINE = 16_384;

export interface LoggerOptions {
  /** @default "info" */
  level?: LogLevel;
  /** @default "json" */
  format?: LogFormat;
  /** @default false */
  color?: boolean;
  /** Writes one complete line, which has no line end. @default standard error */
  write?: (line: string) => void;
}

const COLORS: Record<string, string> = { debug: "\x1b[2m", info: "\x1b[36m", warn: "\x1b[33m", error: "\x1b[31m" };
const STANDARD_ERROR = new LineWriter((bytes) => Deno.stderr.writeSync(bytes));

/**
 * Writes structured lines. `child()` returns a logger that adds its fields to each line. Line breaks and control
 * characters in values are escaped, so no value can imitate another line.
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

  /** The settings that another process needs to write the same kind of lines. */
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
    // The logger's own fields come last, so a function cannot log as if it were another function.
    const all = { ...fields, ...this.#fields };
    const line = this.#options.format === "json" ? this.#json(level, message, all) : this.#text(level, message, all);
    try {
      this.#options.write(line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line);
    } catch {
      // A closed terminal must not end the runner, and there is nowhere left to report it.
    }
  }

  #json(level: LogLevel, message: string, fields: LogFields): string {
    // Values are cut one by one, so that the line still parses.
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
      // The field is circular, or its toJSON() throws.
    }
    // An escaped character takes up to six characters, so this always fits.
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
