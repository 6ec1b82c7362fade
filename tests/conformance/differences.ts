export interface Difference {
  /** The broker on which the case does not run. */
  on: "rabbitmq" | "embedded";
  why: string;
}

/** The cases that one of the brokers cannot pass, by their names. */
export const differences: Record<string, Difference> = {};
