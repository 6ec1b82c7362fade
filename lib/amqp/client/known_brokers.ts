import type { BrokerIdentity } from "./client.ts";

/** One known difference of a broker, and what you can do about it. */
export interface KnownDifference {
  /** The product name in `connection.start`. */
  product: string;
  /** The first version with the difference. @default every version */
  since?: string;
  /** The first version without it. @default none */
  before?: string;
  /** Identifies it in tests and in JSON. */
  id: string;
  text: string;
}

const NOT_TESTED = "not-tested";

/** Differences that users can see. Those that Warren works around are not listed. */
export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    product: "RabbitMQ",
    since: "3.10",
    before: "4.0",
    id: "delivery-limit-minus-one",
    text:
      "x-delivery-limit: -1 drops a message when it is returned for the first time; leave the argument out, there " +
      "is no limit by default",
  },
  {
    product: "RabbitMQ",
    since: "4.0",
    id: "delivery-limit-of-20",
    text:
      "a quorum queue drops a message at its 21st return unless it has a dead-letter exchange; give quorum queues " +
      "that you declare yourself x-delivery-limit: -1",
  },
  {
    product: "RabbitMQ",
    since: "4.0",
    id: "late-retries",
    text:
      "retries for a classic queue whose node was down come up to three minutes after the node, but all of them come; " +
      "use quorum queues on a cluster",
  },
  {
    product: "RabbitMQ",
    since: "4.3",
    id: "nack-not-counted",
    text: "basic.nack does not count towards x-delivery-limit; your own clients must use basic.reject where it should",
  },
  {
    product: "RabbitMQ",
    since: "4.3",
    id: "no-global-prefetch",
    text: "a prefetch for a whole channel is not supported; your own clients must set a prefetch for each consumer",
  },
  {
    product: "RabbitMQ",
    since: "4.3",
    id: "consumer-timeout",
    text: "consumer_timeout acts on quorum queues alone",
  },
  {
    product: "RabbitMQ",
    since: "4.3",
    id: "lost-node",
    text: "a quorum queue keeps what a lost node had delivered for up to 60 s; give quorum queues that you declare " +
      "yourself x-consumer-disconnected-timeout: 0",
  },
  {
    product: "Warren",
    id: "one-copy",
    text: "messages have one copy on one disk, also in quorum queues; use a RabbitMQ cluster where that is not enough",
  },
  {
    product: "LavinMQ",
    id: NOT_TESTED,
    text: "not tested: no test of Warren runs on LavinMQ",
  },
  {
    product: "LavinMQ",
    id: "counts-on-request",
    text:
      "not tested: deliveries are counted only in queues with x-delivery-limit; set it on a function's queue, to 20 " +
      "or more, so that a message that ends its runners becomes a dead letter",
  },
  {
    product: "LavinMQ",
    id: "no-quorum",
    text: "not tested: a quorum queue becomes an ordinary durable queue",
  },
  {
    product: "LavinMQ",
    id: "no-blocked",
    text: "not tested: it does not announce that its disk is full; publishes fail and are tried again",
  },
];

/** The known differences of a broker. An unknown product has one: it is not tested. */
export function knownDifferences({ product, version }: BrokerIdentity): Omit<KnownDifference, "product">[] {
  const known = KNOWN_DIFFERENCES.filter((one) => one.product === product);
  if (known.length === 0) return [{ id: NOT_TESTED, text: `not tested: no test of Warren runs on ${product}` }];
  return known.filter(({ since, before }) =>
    (since === undefined || isAtLeast(version, since)) && (before === undefined || !isAtLeast(version, before))
  );
}

/** `RabbitMQ 4.3.6`. */
export function brokerName({ product, version }: BrokerIdentity): string {
  return version ? `${product} ${version}` : product;
}

/** Whether a version is `least` or a later one. */
export function isAtLeast(version: string, least: string): boolean {
  const [numbers, bounds] = [version, least].map((text) => text.split(".").map((part) => parseInt(part) || 0));
  for (const [index, bound] of bounds.entries()) {
    const number = numbers[index] ?? 0;
    if (number !== bound) return number > bound;
  }
  return true;
}
