import { RawClient } from "./amqp/raw_client.ts";
import type { BrokerIdentity } from "../../lib/amqp/client/client.ts";

export { isAtLeast } from "../../lib/amqp/client/known_brokers.ts";

/** What the broker at `url` says that it is. */
export async function brokerIdentity(url: string): Promise<BrokerIdentity> {
  await using client = await RawClient.connect(url);
  const { product, version } = client.serverProperties;
  await client.close();
  return { product: String(product.value), version: String(version.value) };
}

/** Its version, as in `4.3.6`. */
export async function brokerVersion(url: string): Promise<string> {
  return (await brokerIdentity(url)).version;
}
