import { Connection } from "../amqp/client/connection.ts";
import { localBrokerUrl } from "../settings/config.ts";
import type { CommandContext } from "./command.ts";
import { type Place, withHint } from "./hint.ts";

/**
 * Opens a connection for one command, to the broker that the options name or else to this machine's. Always closes it.
 *
 * @param place the exchange and routing key that the command uses, for its error messages
 */
export async function withConnection<T>(
  { options, log }: CommandContext,
  command: string,
  place: Omit<Place, "missing">,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  const { amqpUrl, heartbeat, vhost, ca, name } = options;
  const urls = amqpUrl ?? [localBrokerUrl(options)];
  const connection = new Connection({ urls, heartbeat, vhost, ca, name: `${name} ${command}`, log: log.child({}) });
  connection.start();
  try {
    return await use(connection);
  } catch (error) {
    throw withHint(error, { ...place, missing: amqpUrl === undefined && !connection.state.connected });
  } finally {
    await connection.close();
  }
}
