import { AMQPClient, type AMQPMessage } from "@cloudamqp/amqp-client";

/** How often a handler of the pipeline is tried. */
export const ATTEMPTS = 3;

/** What becomes of a message in one function of the pipeline. */
export interface Fate {
  outcome: "completed" | "failed" | "rejected";
  /** The attempt that it comes about with; those before it fail. */
  attempt: number;
}

/**
 * The fate of a message in a function: the same for the same three numbers. One invocation in five does not complete.
 * Its source is part of the functions, so it uses nothing from outside.
 */
export function fateOf(seed: number, stage: number, n: number): Fate {
  let hash = seed ^ Math.imul(stage, 0x9e3779b1) ^ Math.imul(n + 1, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  const permille = ((hash ^ (hash >>> 16)) >>> 0) % 1000;
  if (permille < 5) return { outcome: "rejected", attempt: 1 };
  if (permille < 10) return { outcome: "rejected", attempt: 2 };
  if (permille < 20) return { outcome: "failed", attempt: 3 };
  if (permille < 60) return { outcome: "completed", attempt: 3 };
  if (permille < 180) return { outcome: "completed", attempt: 2 };
  return { outcome: "completed", attempt: 1 };
}

/** The queues of the pipeline: one for each function, and the last one, which the test reads. */
export interface PipelineOptions {
  seed: number;
  queues: readonly string[];
  prefetch: number;
  /** A file that has a line with the number of a message each time one is handled that was delivered before. */
  witness: string;
}

/** The source of the function that reads `queues[stage]`. Three delays, so three queues for the retries. */
export function stageSource({ seed, queues, prefetch, witness }: PipelineOptions, stage: number): string {
  const file = JSON.stringify(witness);
  return `
    import { Reject, Retry } from "warren";
    export const config = {
      queue: "${queues[stage]}",
      output: "${queues[stage + 1]}",
      concurrency: ${prefetch},
      prefetch: ${prefetch},
      retry: { attempts: ${ATTEMPTS}, delay: "20ms", multiplier: 5, jitter: 0 },
      permissions: { write: [${file}] },
    };
    ${fateOf}
    export default ({ body, attempt, redelivered }) => {
      // Written before anything else: a line that is missing is an invocation that was not.
      if (redelivered) Deno.writeTextFileSync(${file}, body + "\\n", { append: true });
      const n = Number(body);
      const fate = fateOf(${seed}, ${stage}, n);
      if (attempt < fate.attempt && n % 4 === 0) throw new Retry({ delay: "200ms" });
      if (attempt < fate.attempt || fate.outcome === "failed") throw new RangeError("attempt " + attempt);
      if (fate.outcome === "rejected") throw new Reject("not this one");
      return body;
    };`;
}

/** How a message ended, in words: the same for what was expected and what was found. */
function ending(queue: string, fate: Fate): string {
  return fate.outcome === "completed" ? queue : `${queue}: ${fate.outcome}, attempt ${fate.attempt}`;
}

/** What a dead letter says of itself, or the end of the pipeline. */
function endingOf(queue: string, message: AMQPMessage): string {
  const { "warren-reason": outcome, "warren-attempts": attempt } = message.properties.headers ?? {};
  return outcome === undefined ? queue : `${queue}: ${outcome}, attempt ${attempt}`;
}

/** One kind of ending, with how many messages should have it and have it. */
export interface Balance {
  ending: string;
  expected: number;
  found: number;
  /** Copies beyond the first. */
  extra: number;
}

/** Whether a message waits in a retry queue on its way. */
export function isRetried(seed: number, stages: number, n: number): boolean {
  for (let stage = 0; stage < stages; stage++) {
    const { outcome, attempt } = fateOf(seed, stage, n);
    if (attempt > 1) return true;
    if (outcome !== "completed") return false;
  }
  return false;
}

/** What should become of each message of a pipeline, and what became of it. */
export class Ledger implements AsyncDisposable {
  readonly #expected: string[];
  readonly #queues: string[];
  readonly #copies: Uint16Array;
  readonly #wrong: string[] = [];
  #client: AMQPClient | undefined;
  #missing: number;

  constructor(messages: number, { seed, queues }: Pick<PipelineOptions, "seed" | "queues">) {
    const last = queues.length - 1;
    this.#queues = queues.map((queue, stage) => stage === last ? queue : `${queue}.dead`);
    this.#expected = Array.from({ length: messages }, (_, n) => {
      for (let stage = 0; stage < last; stage++) {
        const fate = fateOf(seed, stage, n);
        if (fate.outcome !== "completed") return ending(`${queues[stage]}.dead`, fate);
      }
      return queues[last];
    });
    this.#copies = new Uint16Array(messages);
    this.#missing = messages;
  }

  /** Where messages end: the last queue, and the dead letters of the others. */
  get queues(): readonly string[] {
    return this.#queues;
  }

  /** Messages that were found nowhere yet. */
  get missing(): number {
    return this.#missing;
  }

  /** The first messages that were found nowhere, with where they should be. */
  get lost(): string[] {
    return this.#expected.flatMap((where, n) => this.#copies[n] === 0 ? [`${n}: ${where}`] : []).slice(0, 20);
  }

  /** Messages that ended as they should not, with how. */
  get wrong(): readonly string[] {
    return this.#wrong;
  }

  /** Messages that were found more than once. */
  get doubled(): number[] {
    return [...this.#copies.keys()].filter((n) => this.#copies[n] > 1);
  }

  /** Copies beyond the first of all messages. */
  get extra(): number {
    return this.#copies.reduce((sum, copies) => sum + Math.max(0, copies - 1), 0);
  }

  /** Takes all that is in the queues and comes into them from now on. */
  async read(url: string): Promise<void> {
    const client = this.#client = new AMQPClient(url);
    await client.connect();
    for (const queue of this.#queues) {
      const channel = await client.channel();
      await channel.basicConsume(queue, { noAck: true }, (message) => this.#enter(queue, message));
    }
  }

  balance(): Balance[] {
    const rows = new Map<string, Balance>();
    for (const [n, ending] of this.#expected.entries()) {
      const row = rows.get(ending) ?? { ending, expected: 0, found: 0, extra: 0 };
      rows.set(ending, row);
      row.expected++;
      if (this.#copies[n] > 0) row.found++;
      row.extra += Math.max(0, this.#copies[n] - 1);
    }
    return [...rows.values()].sort((a, b) => a.ending < b.ending ? -1 : 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client?.close();
  }

  #enter(queue: string, message: AMQPMessage): void {
    const n = Number(message.bodyString());
    const found = endingOf(queue, message);
    if (this.#expected[n] !== found) {
      this.#wrong.push(`${n}: ${found}, and not ${this.#expected[n]}`);
      return;
    }
    if (this.#copies[n]++ === 0) this.#missing--;
  }
}
