import { isAtLeast } from "../support/broker_version.ts";

export interface Difference {
  /** The broker that fails the cases. */
  on: "rabbitmq" | "embedded";
  /** From this version on. @default every version */
  since?: string;
  why: string;
  /** Their names. */
  cases: string[];
}

/** What a broker does otherwise than the cases say. They are run on it all the same, and have to fail. */
export const differences: Difference[] = [
  {
    on: "embedded",
    why: "it does what the method asks for: the channel's consumers get nothing until it is active again",
    cases: ["channel.flow without active is refused with 540"],
  },
  {
    on: "embedded",
    why: "a message that reached a consumer was routed, and so is not returned",
    cases: ["a mandatory answer comes back, for the name is no queue, and still the caller has it"],
  },
  {
    on: "rabbitmq",
    since: "4.0",
    why: "it speaks AMQP 1.0 as well, and answers with that header",
    cases: [
      "a header of AMQP 1.0 is answered with the header of AMQP 0-9-1 and the end of the TCP connection",
      "an HTTP request is answered with the header of AMQP 0-9-1 and the end of the TCP connection",
    ],
  },
  {
    on: "rabbitmq",
    since: "4.0",
    why: "it refuses the channel alone",
    cases: ["an unknown type is refused with 503, for the connection"],
  },
  {
    on: "rabbitmq",
    since: "4.0",
    why: "an integer and a double of the same value do not match",
    cases: ["a number in a header has any width"],
  },
  {
    on: "rabbitmq",
    since: "4.0",
    why: "a time in a header matches no time of a headers binding",
    cases: ["a time in a header is its seconds"],
  },
  {
    on: "rabbitmq",
    since: "4.0",
    why: "it sorts the headers by their names, and of two with one name it keeps one",
    cases: [
      "a mandatory message that no queue gets comes back whole with 312",
      "all properties and all types of headers come back byte for byte",
      "all properties of a persistent message come back byte for byte from a durable queue",
      "headers with one name twice come back with both",
      "headers of 60 KiB come back byte for byte",
    ],
  },
  {
    on: "rabbitmq",
    since: "4.0",
    why: "it adds x-last-death-queue, -reason and -exchange",
    cases: ["x-death tells queue, reason, count, exchange, routing keys and time, each with its type"],
  },
  {
    on: "rabbitmq",
    since: "4.0",
    why: "it keeps a message's deaths apart from its headers: what a publisher sends as x-death does not count",
    cases: [
      "the same queue and reason again raise the count, in one entry that comes first",
      "deaths in other queues or for other reasons have entries of their own, the latest first",
      "an x-death that the publisher made up is kept and counted on",
      "entries of deaths that a client repeats are merged: the first one stays, counted where it has no count",
      "where a message died first is noted with its first death alone",
      "retries through a delay queue come back with their count",
    ],
  },
  {
    on: "rabbitmq",
    since: "4.0",
    why: "it leaves the header CC on the dead letter",
    cases: [
      "a dead letter routing key takes the place of the routing key and of CC",
    ],
  },
  {
    on: "rabbitmq",
    since: "4.3",
    why: "it takes no frame-max below 8192, and frames of that size before one is agreed on",
    cases: [
      "until frames are agreed on, a payload of more than 4096 bytes ends the TCP connection",
      "a payload as large as a whole frame may be is taken: some clients forget the eight bytes around it",
      "a frame larger than agreed is refused with 501",
      "bodies are cut at the agreed frame-max in both directions",
      "content headers larger than frame-max are refused with 501",
      "the frame-max of the receiver counts, not that of the sender",
    ],
  },
  {
    on: "rabbitmq",
    since: "4.3",
    why: "it has no global prefetch any more",
    cases: [
      "a global prefetch bounds all consumers of the channel together",
      "a global prefetch that grows lets more through at once",
      "a quorum queue knows no priorities, no global prefetch and no lazy mode",
    ],
  },
  {
    on: "rabbitmq",
    since: "4.3",
    why: "its classic queues have version 2 alone",
    cases: ["the version of a queue is compared too"],
  },
  {
    on: "rabbitmq",
    since: "4.3",
    why: "it knows no x-queue-mode, and does not look at its value",
    cases: [
      "x-queue-mode with a value that makes no sense is refused with 406",
    ],
  },
  {
    on: "rabbitmq",
    since: "4.3",
    why:
      "a name for answers is a queue to it: it takes a mandatory answer that nobody gets, and knows no invented name",
    cases: [
      "a name for answers that nobody has given out is no queue",
      "an answer to a caller that is gone is dropped, or comes back where it is mandatory",
      "a mandatory answer comes back, for the name is no queue, and still the caller has it",
    ],
  },
  {
    on: "rabbitmq",
    since: "4.3",
    why: "a nack that requeues counts as no delivery: only reject, a channel's end and a crash do",
    cases: [
      "a quorum queue counts deliveries that came back in x-delivery-count",
      "x-delivery-limit sends what comes back too often to the dead letters, as delivery_limit",
    ],
  },
];

/** Why the case fails on that broker, if it does. `version` is RabbitMQ's. */
export function difference(name: string, on: Difference["on"], version = "0"): string | undefined {
  return differences.find((one) => one.on === on && one.cases.includes(name) && isAtLeast(version, one.since ?? "0"))
    ?.why;
}
