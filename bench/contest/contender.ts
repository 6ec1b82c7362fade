/** What is done with each message: nothing, one confirmed output, or a retry after it has failed once. */
export type Load = "consume" | "output" | "retry";

/** Where messages are. */
export type Store = "embedded" | "RabbitMQ" | "Redis";

/** One run of a contender. */
export interface Trial {
  readonly load: Load;
  readonly store: Store;
  /** Of the broker or of Redis. */
  readonly url: string;
  /** Messages; they wait in the queue before the contender starts. */
  readonly count: number;
  /** After so many of them it is warm. */
  readonly warm: number;
}

/** What one run took, from the start of the contender's process. */
export interface Run {
  /** Milliseconds until the first message was handled. */
  readonly first: number;
  /** Messages a second, from when it was warm to the last one. */
  readonly rate: number;
  /** Milliseconds of a processor, of all its processes. */
  readonly cpu: number;
  /** The most that was resident, in MB: the sum of its processes. */
  readonly memory: number;
}

/** How many messages a short run and a long one have: what a message costs is the difference. */
export interface Size {
  readonly short: number;
  readonly long: number;
}

/** Whoever takes messages from a queue. */
export interface Contender {
  readonly name: string;
  readonly stores: readonly Store[];
  readonly loads: readonly Load[];
  readonly size: Size;
  run(trial: Trial): Promise<Run>;
}

/** A short run and a long one of the same contender. */
export interface Measured extends Omit<Run, "cpu"> {
  /** Microseconds of a processor for each further message. */
  readonly cpu: number;
}

/** The short run comes first. */
export async function measured(contender: Contender, trial: Pick<Trial, "load" | "store" | "url">): Promise<Measured> {
  const { short, long } = contender.size;
  const of = (count: number) => contender.run({ ...trial, count, warm: short });
  const [little, much] = [await of(short), await of(long)];
  return {
    first: Math.min(little.first, much.first),
    rate: much.rate,
    cpu: (much.cpu - little.cpu) * 1000 / (long - short),
    memory: much.memory,
  };
}
