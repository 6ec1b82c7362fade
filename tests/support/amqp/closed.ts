import { methodName } from "./methods.ts";

/** What a `close` of the broker says. */
export interface CloseReason {
  replyCode: number;
  replyText: string;
  classId: number;
  methodId: number;
}

class Closed extends Error {
  constructor(what: string, readonly reason: CloseReason) {
    const { replyCode, replyText, classId, methodId } = reason;
    super(`The broker closed the ${what}: ${replyCode} ${replyText} (${methodName(classId, methodId)})`);
  }
}

export class ChannelClosed extends Closed {
  override name = "ChannelClosed";
  constructor(reason: CloseReason) {
    super("channel", reason);
  }
}

export class ConnectionClosed extends Closed {
  override name = "ConnectionClosed";
  constructor(reason: CloseReason) {
    super("connection", reason);
  }
}

/** The TCP connection ended without a `close`, or the test closed it. */
export class Disconnected extends Error {
  override name = "Disconnected";
}

/** Fails where `reason` is not what the test expects; `ids` are those of the method that is to blame. */
export function checkReason(what: string, reason: CloseReason, code?: number, ids?: [number, number]): CloseReason {
  const wanted = ids ? `${code} (${methodName(...ids)})` : `${code}`;
  const got = `${reason.replyCode} (${methodName(reason.classId, reason.methodId)})`;
  if (code === undefined) return reason;
  if (reason.replyCode !== code || (ids && (ids[0] !== reason.classId || ids[1] !== reason.methodId))) {
    throw new Error(`Expected the broker to close the ${what} with ${wanted}, got ${got}: ${reason.replyText}`);
  }
  return reason;
}
