/** What the command line says beside the names of benchmarks. */
export interface BenchArguments {
  /** How long the soak takes. @default 60 */
  minutes?: number;
  /** Paired rounds of `rivals`. @default 3 */
  rounds?: number;
  /** Only peers whose names contain one of these, and Warren. @default all */
  only?: readonly string[];
  /** Only loads with these names, of `rivals`. @default all */
  loads?: readonly string[];
}

/** The names of the benchmarks to run, and their arguments. */
export interface ParsedArguments {
  names: string[];
  args: BenchArguments;
}

type Read = (text: string, flag: string) => Partial<BenchArguments>;

const FLAGS: Record<string, Read> = {
  "--minutes": (text, flag) => ({ minutes: positive(text, flag) }),
  "--rounds": (text, flag) => ({ rounds: positive(text, flag) }),
  "--only": (text) => ({ only: text.split(",") }),
  "--load": (text) => ({ loads: text.split(",") }),
};

/**
 * `soak --minutes 5`, `rivals --rounds=5 --only amqplib,bullmq`.
 *
 * @throws {Error} where a flag is unknown, lacks its value, or has a wrong one
 */
export function parseArguments(words: readonly string[]): ParsedArguments {
  const parsed: ParsedArguments = { names: [], args: {} };
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (!word.startsWith("--")) {
      parsed.names.push(word);
      continue;
    }
    const [flag, inline] = split(word);
    const read = FLAGS[flag];
    if (!read) throw new Error(`unknown option "${flag}"; there are ${Object.keys(FLAGS).join(", ")}`);
    const text = inline ?? words[++at];
    if (text === undefined) throw new Error(`${flag} needs a value`);
    Object.assign(parsed.args, read(text, flag));
  }
  return parsed;
}

function split(word: string): [flag: string, value: string | undefined] {
  const at = word.indexOf("=");
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function positive(text: string, flag: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0) {
    throw new Error(`${flag} is "${text}"; expected a number above 0`);
  }
  return value;
}
