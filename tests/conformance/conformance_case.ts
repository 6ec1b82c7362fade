import { type ConnectOptions, RawClient } from "../support/amqp/raw_client.ts";
import { uniqueName } from "../support/unique.ts";

/** The broker that a case runs on. */
export interface Broker {
  url: string;
  /** A new connection; it is closed after the case. */
  client(options?: ConnectOptions): Promise<RawClient>;
  /** A name of a queue or an exchange that nobody else uses; what has it is deleted after the case. */
  name(prefix: string): string;
}

/** One thing that a broker does. */
export interface ConformanceCase {
  /** A sentence. */
  name: string;
  run(broker: Broker): Promise<void>;
}

/** Runs a case on the broker at `url` and leaves nothing there. */
export async function runCase({ run }: ConformanceCase, url: string): Promise<void> {
  const clients: RawClient[] = [];
  const names: string[] = [];
  try {
    await run({
      url,
      async client(options) {
        const client = await RawClient.connect(url, options);
        clients.push(client);
        return client;
      },
      name(prefix) {
        const name = uniqueName(prefix);
        names.push(name);
        return name;
      },
    });
  } finally {
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    if (names.length > 0) await remove(names, url);
  }
}

/** Runs a case that this broker is known to fail; a broker that passes it is no longer different. */
export async function runDifferent(one: ConformanceCase, url: string): Promise<void> {
  const failed = await runCase(one, url).then(() => false, () => true);
  if (!failed) throw new Error("the broker passes this case: take it out of differences.ts");
}

/** To delete what does not exist is no error. An exclusive queue may still be about to go: its 405 is no harm. */
async function remove(names: string[], url: string): Promise<void> {
  await using client = await RawClient.connect(url);
  for (const name of names) {
    const channel = await client.channel();
    await channel.call("exchange.delete", { exchange: name });
    await channel.call("queue.delete", { queue: name }).catch(() => {});
  }
  await client.close();
}
