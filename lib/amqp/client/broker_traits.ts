import type { BrokerIdentity } from "./client.ts";
import { isAtLeast } from "./known_brokers.ts";

/** What brokers do differently with the queues that Warren declares. */
export interface BrokerTraits {
  /** Its quorum queues have copies on several nodes. */
  readonly replicates: boolean;
  /**
   * Its quorum queues drop a message at the 21st return, unless they are declared with `x-delivery-limit: -1`. Before
   * RabbitMQ 4 there is no limit of its own, and -1 is one: the message is dropped at the first return.
   */
  readonly limitsReturns: boolean;
  /** Its quorum queues do not count what is returned by `basic.nack`. */
  readonly forgivesNacks: boolean;
  /** Its quorum queues keep the deliveries of a lost node for a minute, unless they are told otherwise. */
  readonly keepsLost: boolean;
}

/** What is known of a broker by its name and version; of an unknown one nothing is expected. */
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
