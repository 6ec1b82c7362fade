import type { BrokerIdentity } from "./client.ts";
import { isAtLeast } from "./known_brokers.ts";

/** How brokers differ in the queues that Warren declares. */
export interface BrokerTraits {
  /** Quorum queues are replicated on several nodes. */
  readonly replicates: boolean;
  /**
   * Its quorum queues drop a message at the 21st return, unless they are declared with `x-delivery-limit: -1`. Before
   * RabbitMQ 4 there is no limit of its own, and -1 is one: the message is dropped at the first return.
   */
  readonly limitsReturns: boolean;
  /** Quorum queues do not count messages that are returned by `basic.nack`. */
  readonly forgivesNacks: boolean;
  /** Quorum queues keep the deliveries of a lost node for a minute by default. */
  readonly keepsLost: boolean;
}

/** The traits of a broker, by name and version. An unknown broker has none. */
export function traitsOf(broker: BrokerIdentity | undefined): BrokerTraits {
  const replicates = broker?.product === "RabbitMQ";
  const version = broker?.version ?? "";
  return {
    replicates,
    limitsReturns: replicates && isAtLeast(version, "4.0"),
    forgivesNacks: replicates && isAtLeast(version, "4.3"),
    keepsLost: replicates && isAtLeast(version, "4.3"),
  };
}
