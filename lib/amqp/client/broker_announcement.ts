import type { Logger } from "../../base/log.ts";
import type { BrokerIdentity } from "./client.ts";
import { brokerName, knownDifferences } from "./known_brokers.ts";

export interface AnnouncementOptions {
  /** Whether the broker's name is logged too, instead of only its differences. @default true */
  named?: boolean;
}

/** Logs the broker and its known differences: once for each product and version, not at each reconnect. */
export class BrokerAnnouncement {
  readonly #log: Logger;
  readonly #named: boolean;
  readonly #announced = new Set<string>();

  constructor(log: Logger, { named = true }: AnnouncementOptions = {}) {
    this.#log = log;
    this.#named = named;
  }

  /** @param url the URL without its password */
  announce(broker: BrokerIdentity, url: string): void {
    const name = brokerName(broker);
    if (this.#announced.has(name)) return;
    this.#announced.add(name);
    if (this.#named) this.#log.info(`broker: ${name} at ${url}`);
    for (const { text } of knownDifferences(broker)) this.#log.info(`${name}: ${text}`);
  }
}
