import { isConnectionLoss } from "../amqp/client/connection_loss.ts";
import { describeError } from "../base/errors.ts";
import { toFailure } from "../invocation/outcome.ts";
import type { Logger } from "../base/log.ts";

/**
 * Ignores rejections that the AMQP client leaves behind when its socket dies. Any other unhandled rejection ends the
 * command.
 */
export function ignoreConnectionLoss(): Disposable {
  const ignore = (event: PromiseRejectionEvent) => {
    if (isConnectionLoss(event.reason)) event.preventDefault();
  };
  globalThis.addEventListener("unhandledrejection", ignore);
  return { [Symbol.dispose]: () => globalThis.removeEventListener("unhandledrejection", ignore) };
}

/**
 * Logs each unhandled rejection and uncaught error as one entry with its stack. A rejection ends nothing. After an
 * error that a timer or a listener threw, the state of the process is unknown, so `end` is called.
 */
export function logUnhandled(log: Logger, end: () => void = () => Deno.exit(1)): Disposable {
  const onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    if (isConnectionLoss(event.reason)) return log.warn(`unhandled rejection: ${describeError(event.reason)}`);
    const { message, stack } = toFailure(event.reason);
    log.error(`unhandled rejection: ${message}`, { stack });
  };
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    const { type, message, stack } = toFailure(event.error);
    log.error(`uncaught ${type}: ${message}; the runner ends; unsettled messages are delivered again`, { stack });
    end();
  };
  globalThis.addEventListener("unhandledrejection", onRejection);
  globalThis.addEventListener("error", onError);
  return {
    [Symbol.dispose]() {
      globalThis.removeEventListener("unhandledrejection", onRejection);
      globalThis.removeEventListener("error", onError);
    },
  };
}
