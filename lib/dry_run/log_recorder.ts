import { type LogFields, Logger, type LogLevel } from "../base/log.ts";
import type { RunLogLine } from "../invocation/insight/run.ts";

/** A logger that keeps its lines instead of writing them. */
export class LogRecorder extends Logger {
  readonly lines: RunLogLine[];
  readonly #onLine: ((line: RunLogLine) => void) | undefined;
  readonly #fields: LogFields;

  /** @param onLine called with each line as it comes. @default nothing */
  constructor(onLine?: (line: RunLogLine) => void, lines: RunLogLine[] = [], fields: LogFields = {}) {
    super({ level: "debug", write: () => {} });
    this.lines = lines;
    this.#onLine = onLine;
    this.#fields = fields;
  }

  override child(fields: LogFields): LogRecorder {
    return new LogRecorder(this.#onLine, this.lines, { ...this.#fields, ...fields });
  }

  override log(level: LogLevel, message: string, fields: LogFields = {}): void {
    // The number of the invocation in its process means nothing outside of it.
    const { invocation: _, ...shown } = { ...fields, ...this.#fields };
    const line = { time: Date.now(), level, message, fields: shown };
    this.lines.push(line);
    this.#onLine?.(line);
  }
}
