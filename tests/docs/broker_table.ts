import { difference } from "../conformance/differences.ts";
import { conformance } from "../conformance/suite.ts";

/** Brokers that the tests run on, with the version that CI has. */
export const BROKERS = ["embedded", "3.10", "4.0", "4.3"] as const;
export type Broker = typeof BROKERS[number];

/** A test in a file, by its name without the broker; `in` is the file with its text where that is another one. */
interface Test {
  file: string;
  test: string;
  in?: string;
}

/** A case of the conformance suite; with `lacks`, a broker that does as the case says has not got the feature. */
interface Case {
  case: string;
  lacks?: boolean;
}

export interface Feature {
  feature: string;
  proof: Test | Case;
  /** What the embedded broker has not got by design, and so no test of. */
  embedded?: "no";
}

const at = (path: string, test: string): Test => ({ file: `tests/${path}_test.ts`, test });
const QUORUM = "tests/integration/quorum_long_test.ts";
const onQuorum = (path: string, test: string): Test => ({ file: QUORUM, test, in: `tests/${path}_test.ts` });

/** The rows of the table in docs/brokers.md. */
export const FEATURES: readonly Feature[] = [
  {
    feature: "Consume and acknowledge; a killed runner loses nothing",
    proof: at("integration/lifecycle", "a runner that is killed loses nothing"),
  },
  {
    feature: "Retries with a delay, dead letters after the last attempt",
    proof: at(
      "integration/delivery",
      "a handler that throws is tried again through the delay queues, and then the message is a dead letter",
    ),
  },
  {
    feature: "The same with quorum queues",
    proof: onQuorum(
      "integration/delivery",
      "a handler that throws is tried again through the delay queues, and then the message is a dead letter",
    ),
  },
  {
    feature: "Redrive of dead letters",
    proof: at("integration/redrive", "what a runner buried comes back by hand and by HTTP, as if for the first time"),
  },
  {
    feature: "Runners find each other, and a pause holds for all of them",
    proof: at("integration/fleet", "runners find each other, and pause together"),
  },
  {
    feature: "Each runner shows what all have, and what one that is killed leaves",
    proof: at(
      "integration/operator_long",
      "each runner shows the work of both, and ten seconds after a SIGKILL what is left",
    ),
  },
  {
    feature: "`order`",
    proof: at("integration/order", "messages of one key are handled one after the other, and other keys beside them"),
  },
  {
    feature: "`order` with quorum queues",
    proof: onQuorum(
      "integration/order",
      "messages of one key are handled one after the other, and other keys beside them",
    ),
  },
  {
    feature: "`context.once()`",
    proof: at(
      "integration/once",
      "an effect runs once for a message that fails after it, and every attempt gets its value",
    ),
  },
  {
    feature: "`schedule`",
    proof: at(
      "integration/schedule",
      "each time of a schedule runs once, with two runners, and goes on when one is killed",
    ),
  },
  {
    feature: "Outputs with a delay",
    proof: at("integration/outputs", "an output with a delay comes when it is over"),
  },
  {
    feature: "Answers to `replyTo`",
    proof: at("integration/outputs", "who asks gets the answer with its correlation id, and an error once it is final"),
  },
  {
    feature: "Answers by direct reply-to",
    proof: { case: "direct reply-to gives the server a name to answer to, and the caller the answer" },
  },
  {
    feature: "`CrashLoop` in quorum queues",
    proof: at(
      "integration/crash_loop_long",
      "a message that kills its runner ends in the dead letters, and its neighbours are handled",
    ),
  },
  {
    feature: "Returns are counted in classic queues",
    proof: { case: "a classic queue does not count deliveries that came back", lacks: true },
  },
  {
    feature: "Returns by `basic.nack` are counted in quorum queues",
    proof: { case: "a quorum queue counts deliveries that came back in x-delivery-count" },
  },
  {
    feature: "Priorities of messages (`x-max-priority`)",
    proof: { case: "x-max-priority delivers the highest priority first, and within one in order" },
  },
  {
    feature: "Priorities of consumers",
    proof: { case: "x-priority of a consumer: the highest that has room gets the message" },
  },
  {
    feature: "Queues that are not durable",
    proof: { case: "a queue may be neither durable nor exclusive: it is for all connections" },
  },
  {
    feature: "A prefetch for a whole channel",
    proof: { case: "a global prefetch bounds all consumers of the channel together" },
  },
  {
    feature: "Numbers of any width in a headers exchange",
    proof: { case: "a number in a header has any width" },
  },
  {
    feature: "Headers come back byte for byte",
    proof: { case: "all properties and all types of headers come back byte for byte" },
  },
  {
    feature: "`x-death` that a publisher sent is counted on",
    proof: { case: "an x-death that the publisher made up is kept and counted on" },
  },
  {
    feature: "Frames smaller than 8192 bytes",
    proof: { case: "bodies are cut at the agreed frame-max in both directions" },
  },
  {
    feature: "AMQP over WebSocket, through a relay",
    proof: at("integration/session", "over WebSocket it serves, and serves again after a cut"),
  },
  {
    feature: "TLS: `amqps`, and `wss` through a relay",
    proof: at("integration/hosted_load", "a runner works on a broker that is set up as hosted ones are"),
    embedded: "no",
  },
  {
    feature: "A cluster of three loses one node after the other",
    proof: at(
      "integration/cluster_load",
      "a cluster that loses one node after the other loses no message, no order and no schedule",
    ),
    embedded: "no",
  },
];

/** The last release of each that the differences were looked at with. */
const RELEASES: Record<Exclude<Broker, "embedded">, string> = { "3.10": "3.10.8", "4.0": "4.0.5", "4.3": "4.3.6" };
const CONFORMANCE = "tests/conformance/rabbitmq_long_test.ts";

/** What CI runs on which RabbitMQ, and where tests are. */
export class Proofs {
  readonly #ci: string;
  readonly #read: (path: string) => string;

  /** @param read gives a file of the repository */
  constructor(read: (path: string) => string) {
    this.#read = read;
    this.#ci = read(".ci/run");
  }

  /** The cell of a feature. */
  cell({ proof, embedded }: Feature, broker: Broker): string {
    if (broker === "embedded" && embedded) return embedded;
    if ("case" in proof) return this.#conforms(proof, broker);
    return this.#runs(proof, broker) ? "yes" : "not tested";
  }

  #conforms({ case: name, lacks = false }: Case, broker: Broker): string {
    if (!conformance.some((one) => one.name === name)) throw new Error(`the conformance suite has no case "${name}"`);
    if (broker !== "embedded" && !this.#inCi(CONFORMANCE, broker)) return "not tested";
    const why = broker === "embedded" ? difference(name, "embedded") : difference(name, "rabbitmq", RELEASES[broker]);
    return (why === undefined) === lacks ? "no" : "yes";
  }

  #runs(proof: Test, broker: Broker): boolean {
    const source = this.#read(proof.in ?? proof.file);
    if (proof.in && !this.#read(proof.file).includes(`"./${proof.in.split("/").at(-1)}"`)) {
      throw new Error(`${proof.file} does not run ${proof.in}`);
    }
    const both = hasTest(source, "brokerTest", proof.test);
    const alone = ["privateNodeTest", "Deno.test"].some((by) => hasTest(source, by, `RabbitMQ: ${proof.test}`));
    if (!both && !alone) {
      throw new Error(`${proof.in ?? proof.file} has no test "${proof.test}"`);
    }
    return broker === "embedded" ? both : this.#inCi(proof.file, broker);
  }

  /** The installed RabbitMQ has all tests; another version what a line of `.ci/run` says. */
  #inCi(file: string, broker: Exclude<Broker, "embedded">): boolean {
    const commands = this.#ci.replaceAll("\\\n", " ").split("\n");
    const lines = commands.flatMap((line) => tasksIn(line.trim().split(/ +/)));
    const short = !/_(long|load)_test\.ts$/.test(file);
    if (broker === "3.10") {
      return lines.some((line) => line.join(" ") === `deno task ${short ? "test" : "test:long"}`);
    }
    return lines.some(([, , task, version, ...paths]) =>
      task === "test:rabbitmq" && version === broker && (paths.length > 0 ? paths.includes(file) : short)
    );
  }
}

/** The commands that a line of `.ci/run` counts tests of. */
function tasksIn([word, ...rest]: string[]): string[][] {
  if (word === "tests") return [rest];
  const at = rest.indexOf("--");
  return word === "tests_together" && at >= 0 ? [rest.slice(0, at), rest.slice(at + 1)] : [];
}

function hasTest(source: string, by: string, name: string): boolean {
  const from = source.split(`${by}(`).slice(1).map((rest) => rest.trimStart());
  return from.some((rest) => rest.startsWith(JSON.stringify(name)));
}

/** The table as its cells, with the header. */
export function brokerTable(proofs: Proofs): string[][] {
  const header = ["feature", "embedded", ...BROKERS.slice(1).map((version) => `RabbitMQ ${version}`), "test"];
  const rows = FEATURES.map((feature) => {
    const file = "case" in feature.proof ? "tests/conformance/suite.ts" : feature.proof.file;
    const link = `[${file.split("/").slice(1).join("/")}](../${file})`;
    return [feature.feature, ...BROKERS.map((broker) => proofs.cell(feature, broker)), link];
  });
  return [header, ...rows];
}

/** As Markdown; `deno fmt` aligns it. */
export function markdownTable([header, ...rows]: string[][]): string {
  return [header, header.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}
