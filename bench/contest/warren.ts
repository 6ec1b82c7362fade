import { eventually } from "../../tests/support/eventually.ts";
import { treeOf, usageOf } from "../cpu.ts";
import { BenchQueue, Folder, functionsFolder, startMeasured } from "../support.ts";
import { BODY, OUTPUTS, PROPERTIES } from "./messages.ts";
import type { Contender, Load, Run, Trial } from "./contender.ts";

const ISOLATIONS = { sandboxed: "process", inline: "inline" } as const;

/** Warren, started as users start it. A function's log lines say how far it has come. */
export function warren(kind: keyof typeof ISOLATIONS): Contender {
  return {
    name: `Warren, ${kind}`,
    stores: ["embedded", "RabbitMQ"],
    loads: ["consume", "output", "retry"],
    size: { short: 10_000, long: 60_000 },
    run: (trial) => run(trial, ISOLATIONS[kind]),
  };
}

async function run(trial: Trial, isolation: string): Promise<Run> {
  const { url, count, warm } = trial;
  await using queue = new BenchQueue(url, [OUTPUTS]);
  await queue.fill(count, BODY, () => ({ ...PROPERTIES, messageId: crypto.randomUUID() }));
  await using folder = new Folder(await functionsFolder([queue.name], functionText(trial, isolation, queue.name)));
  const started = performance.now();
  const [runner] = await startMeasured(folder.path, 1, url);
  await using _ = runner;
  const reached = async (mark: string) => {
    await runner.waitForLog(({ message }) => message === mark, 120_000);
    return performance.now() - started;
  };
  const first = await reached("first");
  const begun = count > warm ? await reached("warm") : first;
  await reached("done");
  // The last ones have run. They are done once they are acked; asking costs the runner as well.
  await eventually(async () => {
    const { counts } = await (await fetch(`${runner.url}/functions/${queue.name}`)).json();
    return counts.completed === count;
  }, { interval: 2, timeout: 60_000, what: `${count} completed messages` });
  const done = performance.now() - started;
  return { first, rate: (count - warm) * 1000 / (done - begun), ...usageOf(treeOf(runner.pid)) };
}

/** What a handler does beside counting, and what its configuration says. */
const WORK: Record<Load, { config: (queue: string) => string; work: string }> = {
  consume: { config: () => "", work: "" },
  output: { config: (queue) => `output: "${queue}${OUTPUTS}",`, work: "return message.body;" },
  retry: {
    config: () => `retry: { attempts: 2, delay: "100ms" },`,
    work: `if (message.attempt === 1) throw new Error("not yet");`,
  },
};

function functionText({ load, count, warm }: Trial, isolation: string, queue: string): string {
  const runs = load === "retry" ? 2 : 1;
  const { config, work } = WORK[load];
  return `export const config = { concurrency: 200, isolation: "${isolation}", ${config(queue)} };
const marks = new Map([[1, "first"], [${warm * runs}, "warm"], [${count * runs}, "done"]]);
let seen = 0;
export default (message, context) => {
  const mark = marks.get(++seen);
  if (mark) context.log.info(mark);
  ${work}
};
`;
}
