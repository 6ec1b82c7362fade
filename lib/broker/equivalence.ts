import { AmqpError } from "./protocol/amqp_error.ts";

/**
 * What is declared again must be what it was.
 *
 * @param what the thing, as in `queue 'q'`
 * @throws {AmqpError} 406, in RabbitMQ's words
 */
export function assertSame(what: string, name: string, received: string | boolean, current: string | boolean): void {
  if (received === current) return;
  throw new AmqpError(
    "preconditionFailed",
    `inequivalent arg '${name}' for ${what} in vhost '/': received '${received}' but current is '${current}'`,
  );
}
