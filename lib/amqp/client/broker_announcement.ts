import type { Logger } from "../../base/log.ts";
import type { BrokerIdentity } from "./client.ts";
import { brokerName, knownDifferences } from "./known_brokers.ts";

export interface AnnouncementOptions {
  /** Whether the broker's name is logged too; else only what is known to differ on it. @default true */
  named?: boolean;
}

/** Logs which broker it is and what is known to differ on it: once for each product and version, not at each reconnect. */
export class BrokerAnnouncement {
  readonly #log: Logger;
  readonly #named: boolean;
  readonly #announced = new Set<string>();

  constructor(log: Logger, { named = true }: AnnouncementOptions = {}) {
    this.#log = log;
    this.#named = named;
  }

  /** @param url without its password */
  announce(broker: BrokerIdentity, url: string): void {
    const name = brokerName(broker);
    if (this.#announced.has(name)) return;
    this.#announced.add(name);
    if (this.#named) this.#log.info(`broker: ${name} at ${url}`);
    for (const { text } of knownDifferences(broker)) this.#log.info(`${name}: ${text}`);
  }
}
