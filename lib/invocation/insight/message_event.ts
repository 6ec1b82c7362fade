/** What happens to one message, as one who follows it sees it. Times are milliseconds since 1970. */
export type MessageEvent =
  /** It waits: nobody runs it, or nobody has said so yet. */
  | { readonly kind: "queued" }
  | {
    readonly kind: "running";
    readonly function: string;
    readonly runner: string;
    readonly attempt: number;
    readonly startedAt: number;
  }
  | {
    readonly kind: "progress";
    readonly function: string;
    readonly attempt: number;
    /** What the handler gave `context.progress()`. */
    readonly value: unknown;
  }
  | {
    readonly kind: "retrying";
    readonly function: string;
    /** The attempt that comes, and in how many milliseconds. */
    readonly attempt: number;
    readonly delay: number;
    readonly error?: MessageError;
  }
  /** The last: its handler returned. */
  | ({ readonly kind: "done"; readonly function: string; readonly attempt: number } & ReturnedValue)
  /** The last: it is a dead letter. */
  | {
    readonly kind: "dead";
    readonly function: string;
    readonly attempt: number;
    readonly reason: string;
    readonly error?: MessageError;
  };

export interface MessageError {
  readonly type: string;
  readonly message: string;
}

/** What a handler returned, as far as it is known. */
export interface ReturnedValue {
  /** JSON as a value, text as text, and all else in base64. */
  readonly result?: unknown;
  readonly contentType?: string;
  /** `result` is bytes. */
  readonly base64?: true;
  /** Why there is no `result`, where there was one. */
  readonly omitted?: string;
}

/** Follows messages, over all runners that share the broker. */
export interface MessageEvents {
  /**
   * What happens to a message, from its current state on. Ends after `done` or `dead`, or when the signal aborts.
   *
   * @param options of one function, where several get the same message
   * @throws {WarrenError} `unavailable` where too many are followed
   */
  follow(
    messageId: string,
    options: { readonly function?: string; readonly signal: AbortSignal },
  ): AsyncIterable<MessageEvent>;
}

/** Whether nothing comes after it. */
export function isLast({ kind }: MessageEvent): boolean {
  return kind === "done" || kind === "dead";
}
