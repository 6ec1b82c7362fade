import { CANCELLED } from "../amqp/consuming/consumer.ts";
import type { Logger } from "../base/log.ts";
import type { Row } from "./row.ts";

/** RabbitMQ's reason if a delivery was unacknowledged for too long. */
const CONSUMER_TIMEOUT = /delivery acknowledgement.*timed out/i;
/** The most message ids in one line. */
const SHOWN = 10;

/** Logs that the broker took these rows' messages back while they ran. */
export function tellLost(log: Logger, strays: readonly Row[], reason: string): void {
  if (strays.length === 0) return;
  const ids = strays.slice(0, SHOWN).map(({ invocation }) => invocation.properties.messageId)
    .filter((id) => id !== undefined);
  const about = { reason, messageIds: ids.length > 0 ? ids : undefined };
  const what = `the broker took back ${strays.length} message(s) whose handlers run; they are aborted`;
  const known = CONSUMER_TIMEOUT.test(reason);
  if (!known && reason !== CANCELLED) return log.warn(what, about);
  const { name, timeout } = strays[0].generation.definition;
  log.error(
    `${what}: the broker's consumer_timeout ${
      known ? "is" : "seems to be"
    } shorter than the function's timeout; raise ` +
      "consumer_timeout above " +
      `the ${timeout / 1000} s that "timeout" allows in "${name}", or lower "timeout"`,
    about,
  );
}
