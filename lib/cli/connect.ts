import { Connection } from "../amqp/client/connection.ts";
import { localBrokerUrl } from "../settings/config.ts";
import type { CommandContext } from "./command.ts";
import { type Place, withMend } from "./mend.ts";

/**
 * A connection for one command, to the broker that the options name, else to this machine's. It is closed in any case.
 *
 * @param place what the command is about, for what its errors say
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
    throw withMend(error, { ...place, missing: amqpUrl === undefined && !connection.state.connected });
  } finally {
    await connection.close();
  }
}
