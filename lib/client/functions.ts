/** The body that a function receives, and what it returns. */
export interface FunctionTypes {
  readonly body: unknown;
  readonly result: unknown;
}

/** The functions that a client knows, by their names. */
export type Functions = { readonly [name: string]: FunctionTypes };

/**
 * The types of a function from its module, as in `FunctionOf<typeof import("./functions/resize.ts")>`. What a batch
 * function receives is one message of the batch, and it returns nothing.
 */
export type FunctionOf<Module extends { readonly default: (...args: never[]) => unknown }> = Parameters<
  Module["default"]
>[0] extends readonly { readonly body: infer Body }[] ? { readonly body: Body; readonly result: void }
  : Parameters<Module["default"]>[0] extends { readonly body: infer Body }
    ? { readonly body: Body; readonly result: Awaited<ReturnType<Module["default"]>> }
  : { readonly body: unknown; readonly result: Awaited<ReturnType<Module["default"]>> };

/** What a message has beside its body. */
export interface PublishOptions {
  /** @default a new UUID */
  messageId?: string;
  /** @default by the body: JSON, text, or none for bytes */
  contentType?: string;
  /** Over HTTP, only the headers that the function names in `http.headers` reach it. @default {} */
  headers?: Record<string, string>;
  /** Gives up when it aborts. @default never */
  signal?: AbortSignal;
}

export interface CallOptions extends PublishOptions {
  /** Milliseconds to wait for the answer. Over HTTP it is rounded up to seconds. @default 30_000 */
  timeout?: number;
}

/** How messages get to functions. */
export interface Transport {
  /** Resolves once the broker has the message. */
  publish(name: string, message: EncodedMessage, signal: AbortSignal | undefined): Promise<void>;
  /** Undefined where no answer came in time. */
  call(
    name: string,
    message: EncodedMessage,
    timeout: number,
    signal: AbortSignal | undefined,
  ): Promise<Answer | undefined>;
  close(): Promise<void>;
}

/** A message as bytes. */
export interface EncodedMessage {
  readonly body: Uint8Array;
  readonly contentType: string | undefined;
  readonly messageId: string;
  readonly headers: Record<string, string>;
}

/** What a function answered. */
export interface Answer {
  /** `completed`, or how the invocation ended for good. */
  readonly outcome: string;
  readonly body: Uint8Array;
  readonly contentType: string | undefined;
}
