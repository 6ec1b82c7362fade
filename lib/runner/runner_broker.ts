import { BrokerAnnouncement } from "../amqp/client/broker_announcement.ts";
import { Connection, type ConnectionOptions } from "../amqp/client/connection.ts";
import { countQueue } from "../amqp/depth/queue_counts.ts";
import { DeclaringConnection, type Lent } from "../amqp/topology/declaring_connection.ts";
import { Topology } from "../amqp/topology/topology.ts";
import { delay } from "../base/time/backoff.ts";
import { type BrokerHost, brokerHostFor } from "../hosting/broker_host.ts";
import { localBrokerUrl, localName } from "../settings/config.ts";
import { WarrenError } from "../base/errors.ts";
import type { Readiness } from "../http/runner_view.ts";
import type { Logger } from "../base/log.ts";
import type { Options } from "../settings/options.ts";
import { within } from "../base/time/within.ts";

/** Milliseconds that the start waits for the embedded broker, which may have much data to read. */
const BROKER_PATIENCE = 3_000;
/** Milliseconds for the broker to report a queue's consumers. */
const COUNT_LIMIT = 5_000;

/** The runner's broker: the connections to it and, if this runner hosts it, its process. */
export class RunnerBroker {
  readonly consuming: Connection;
  /** A connection of its own, since a broker that is short of memory stops reading from connections that publish. */
  readonly publishing: Connection;
  /** Declares what functions need. Its connection is open only while something is declared. */
  readonly topology: Topology;
  readonly #declaring: DeclaringConnection;
  readonly #options: Options;
  /** Undefined if the runner hosts no broker. */
  readonly #host: BrokerHost | undefined;

  constructor(options: Options, log: Logger) {
    const host = brokerHostFor(options, log);
    const { heartbeat, vhost, ca } = options;
    const urls = options.amqpUrl ?? (() => [localBrokerUrl(options, host?.address.port)]);
    const prepare = host && (() => host.ensure());
    const connect = (use: string, more: Partial<ConnectionOptions> = {}) =>
      new Connection({ urls, heartbeat, vhost, ca, log, prepare, name: `${options.name} ${use}`, ...more });
    // When this machine's broker is used, its name has been logged by the host.
    const announcement = new BrokerAnnouncement(log, { named: host === undefined });
    this.#options = options;
    this.#host = host;
    this.consuming = connect("consuming", { onConnected: (broker, url) => announcement.announce(broker, url) });
    this.publishing = connect("publishing");
    const current = () => nowFirst(this.consuming.url, typeof urls === "function" ? urls() : urls);
    const connection = new DeclaringConnection({ urls: current, name: `${options.name} declaring`, vhost, ca });
    this.#declaring = connection;
    this.topology = new Topology(log, { connection, queueType: options.queueType });
  }

  /** Address of this machine's broker. Undefined if AMQP_URL names another one. */
  get local(): { hostname: string; port: number } | undefined {
    const { amqpUrl, brokerHost, brokerPort } = this.#options;
    if (amqpUrl !== undefined) return undefined;
    return this.#host?.address ?? { hostname: localName(brokerHost), port: brokerPort };
  }

  /**
   * Starts the embedded broker if this runner hosts it, and opens both connections. Does not wait for a broker that is
   * down; the connections do that in the background.
   *
   * @throws {WarrenError} `config` if a setting is wrong
   */
  async start(signal: AbortSignal): Promise<void> {
    const ensured = this.#host?.ensure().catch((error) => {
      if (error instanceof WarrenError && error.code === "config") throw error;
    });
    const limit = new AbortController();
    const patience = delay(BROKER_PATIENCE, AbortSignal.any([limit.signal, signal]));
    await Promise.race([ensured, patience]).finally(() => limit.abort());
    if (signal.aborted) return;
    this.consuming.start();
    this.publishing.start();
  }

  async close(): Promise<void> {
    await Promise.all([this.consuming.close(), this.publishing.close(), this.#declaring.close()]);
    await this.#host?.stop();
  }

  /** A connection for questions and for operators: what the broker refuses there ends nothing else. It is closed when idle. */
  lend(): Promise<Lent> {
    return this.#declaring.lend();
  }

  /** For readiness. */
  checks(): Readiness["checks"] {
    return [check("broker: consuming", this.consuming), check("broker: publishing", this.publishing)];
  }

  /** The number of a queue's consumers. Undefined without a connection, and 0 for a queue that cannot be asked for. */
  async consumers(queue: string): Promise<number | undefined> {
    if (!this.consuming.state.connected) return undefined;
    const count = async (signal: AbortSignal) => {
      return (await countQueue(await this.consuming.opened(signal), queue, { patience: COUNT_LIMIT }))?.consumers ?? 0;
    };
    return await within(COUNT_LIMIT, count).catch(() => 0);
  }
}

/** The URL that is connected, followed by the others. */
function nowFirst(now: string | undefined, urls: readonly string[]): readonly string[] {
  return now === undefined ? urls : [now, ...urls.filter((url) => url !== now)];
}

function check(name: string, { state }: Connection): Readiness["checks"][number] {
  return { name, ok: state.connected && !state.blocked, detail: state.detail };
}
