/** Reply codes of AMQP 0-9-1, with the names used in reply texts. */
const REPLY_CODES = {
  contentTooLarge: [311, "CONTENT_TOO_LARGE"],
  connectionForced: [320, "CONNECTION_FORCED"],
  invalidPath: [402, "INVALID_PATH"],
  accessRefused: [403, "ACCESS_REFUSED"],
  notFound: [404, "NOT_FOUND"],
  resourceLocked: [405, "RESOURCE_LOCKED"],
  preconditionFailed: [406, "PRECONDITION_FAILED"],
  frameError: [501, "FRAME_ERROR"],
  syntaxError: [502, "SYNTAX_ERROR"],
  commandInvalid: [503, "COMMAND_INVALID"],
  channelError: [504, "CHANNEL_ERROR"],
  unexpectedFrame: [505, "UNEXPECTED_FRAME"],
  resourceError: [506, "RESOURCE_ERROR"],
  notAllowed: [530, "NOT_ALLOWED"],
  notImplemented: [540, "NOT_IMPLEMENTED"],
  internalError: [541, "INTERNAL_ERROR"],
} as const;

export type ReplyName = keyof typeof REPLY_CODES;

/**
 * Codes that close only the channel. Every other code closes the connection (soft and hard errors in the
 * specification).
 */
const SOFT: readonly ReplyName[] = [
  "contentTooLarge",
  "accessRefused",
  "notFound",
  "resourceLocked",
  "preconditionFailed",
];

/** An AMQP error: a reply code, and a text that starts with the code's name. */
export class AmqpError extends Error {
  readonly code: number;
  /** Whether only the channel is closed. */
  readonly soft: boolean;

  constructor(reply: ReplyName, text: string, soft: boolean = SOFT.includes(reply)) {
    const [code, name] = REPLY_CODES[reply];
    super(`${name} - ${text}`);
    this.name = "AmqpError";
    this.code = code;
    this.soft = soft;
  }

  /** The same error as a hard one. On channel 0 there is no channel to close. */
  static hard(reply: ReplyName, text: string): AmqpError {
    return new AmqpError(reply, text, false);
  }
}
