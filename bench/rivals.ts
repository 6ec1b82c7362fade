import { answers } from "../tests/support/broker_probe.ts";
import { redisFound, RedisServer } from "../tests/support/redis.ts";
import type { BenchArguments } from "./arguments.ts";
import { type Contender, type Load, type Measured, measured, type Store } from "./contest/contender.ts";
import { PEERS } from "./contest/peers.ts";
import { type Entry, tableOf } from "./contest/table.ts";
import { warren } from "./contest/warren.ts";
import { EmbeddedBroker } from "./embedded_broker.ts";
import { held, progress } from "./held.ts";
import { AMQP_URL } from "./support.ts";

const LOADS: Record<Load, string> = {
  consume: "a trivial handler",
  output: "with one confirmed output",
  retry: "failed once, retried after 100 ms",
};

/** Where the contenders' messages are, by its URL. */
type Stores = Partial<Record<Store, string>>;

/**
 * Warren against its peers: each in processes of its own, in paired rounds, 200 messages at once, about 100 bytes of JSON
 * each. Every entry has a short and a long run in each round.
 */
export async function rivals({ rounds = 3, only, loads }: BenchArguments): Promise<string[]> {
  checkLoads(loads);
  const [contenders, left] = await gathered(only);
  await using embedded = await EmbeddedBroker.start();
  await using redis = redisFound ? held.add(await RedisServer.launch("everysec")) : undefined;
  const stores: Stores = { embedded: embedded.url, Redis: redis?.url };
  if (await answers(AMQP_URL)) stores.RabbitMQ = AMQP_URL;
  else left.push(`nothing is measured on RabbitMQ: no broker answers at ${new URL(AMQP_URL).host}`);
  if (!redis) left.push("nothing is measured on Redis: there is no redis-server; apt-get install redis-server");
  const lines: string[] = [];
  for (const load of Object.keys(LOADS) as Load[]) {
    if (loads && !loads.includes(load)) continue;
    const [entries, failures] = await contest(load, contenders, stores, rounds);
    lines.push(...tableOf(LOADS[load], entries));
    left.push(...failures);
  }
  if (redis) held.delete(redis);
  return [...lines, ...left];
}

function checkLoads(loads: readonly string[] = []): void {
  const unknown = loads.find((load) => !(load in LOADS));
  if (unknown !== undefined) {
    throw new Error(`unknown load "${unknown}"; there are ${Object.keys(LOADS).join(", ")}`);
  }
}

/** Those that are there, and a line for each that is not. */
async function gathered(only: readonly string[] | undefined): Promise<[Contender[], string[]]> {
  const contenders: Contender[] = [warren("sandboxed"), warren("inline")];
  const left: string[] = [];
  for (const peer of PEERS) {
    if (only && !only.some((name) => peer.name.toLowerCase().includes(name.toLowerCase()))) continue;
    progress(`looking for ${peer.name}`);
    if (await peer.found()) contenders.push(peer);
    else left.push(`${peer.name} is not measured: it is not there; ${peer.install}`);
  }
  return [contenders, left];
}

/** What each did, and a line for each that failed. */
async function contest(
  load: Load,
  contenders: readonly Contender[],
  urls: Stores,
  rounds: number,
): Promise<[entries: Entry[], failures: string[]]> {
  const failures: string[] = [];
  let pairs = (["RabbitMQ", "embedded", "Redis"] as const).flatMap((store) => {
    const url = urls[store];
    const able = contenders.filter(({ loads, stores }) => loads.includes(load) && stores.includes(store));
    return url === undefined ? [] : able.map((contender) => ({ contender, store, url, rounds: [] as Measured[] }));
  });
  for (let round = 1; round <= rounds; round++) {
    for (const pair of pairs) {
      const { contender, store, url } = pair;
      try {
        const result = await measured(contender, { load, store, url });
        pair.rounds.push(result);
        const seen = `${Math.round(result.rate)}/s, ${result.cpu.toFixed(1)} µs`;
        progress(`rivals, ${load}, round ${round}: ${contender.name} on ${store}: ${seen}`);
      } catch (error) {
        // Without Warren there is nothing to compare with.
        if (contender === contenders[0] || held.released) throw error;
        pairs = pairs.filter((each) => each !== pair);
        failures.push(
          `${contender.name} on ${store} failed, ${load}: ${error instanceof Error ? error.message : error}`,
        );
      }
    }
  }
  return [pairs.map(({ contender: { name }, store, rounds }) => ({ name, store, rounds })), failures];
}
