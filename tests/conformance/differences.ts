export interface Difference {
  /** The broker on which the case does not run. */
  on: "rabbitmq" | "embedded";
  why: string;
}

/** The cases that one of the brokers cannot pass, by their names. */
export const differences: Record<string, Difference> = {
  "channel.flow without active is refused with 540": {
    on: "embedded",
    why: "it does what the method asks for: the channel's consumers get nothing until it is active again",
  },
  "a mandatory answer comes back, for the name is no queue, and still the caller has it": {
    on: "embedded",
    why: "a message that reached a consumer was routed, and so is not returned",
  },
};
