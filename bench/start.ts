import { progress } from "./held.ts";
import { Folder, functionsFolder, NamedQueues, residentMegabytes, startMeasured } from "./support.ts";

/** Milliseconds from the start of the process until every function consumes, and memory while nothing comes. */
export async function start(): Promise<string[]> {
  const lines: string[] = [];
  for (const count of [1, 10, 100]) {
    const id = crypto.randomUUID().slice(0, 8);
    const names = Array.from({ length: count }, (_, index) => `bench-${id}-${index}`);
    const text = "export const config = { queue: { autoDelete: true } };\nexport default () => {};\n";
    progress(`start, ${count} functions`);
    await using folder = new Folder(await functionsFolder(names, text));
    await using _queues = new NamedQueues(names);
    const [runner, ms] = await startMeasured(folder.path, count);
    await using _ = runner;
    const memory = residentMegabytes(runner.pid);
    lines.push(`${`${count} functions`.padEnd(34)} consuming after ${Math.round(ms)} ms, ${Math.round(memory)} MB`);
  }
  return lines;
}
