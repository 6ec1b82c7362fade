/** Milliseconds of a processor so far, of one process and of those that it started. */
export interface Cpu {
  readonly own: number;
  readonly started: number;
}

/** A tick of the kernel's clock, in milliseconds. */
const TICK = 10;

/** A process, and its milliseconds of a processor so far. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly ms: number;
}

/** Only on Linux: it is in `/proc`. */
export function cpuOf(pid: number): Cpu {
  let [own, started] = [0, 0];
  for (const one of treeOf(pid)) {
    if (one.pid === pid) own = one.ms;
    else started += one.ms;
  }
  return { own, started };
}

/** A process and those that it started, and so on. */
export function treeOf(pid: number): Process[] {
  const all = [...processes()];
  const among = new Set([pid]);
  // A process may have a smaller number than the one that started it.
  for (let before = 0; before < among.size;) {
    before = among.size;
    for (const one of all) if (among.has(one.parent)) among.add(one.pid);
  }
  return all.filter((one) => among.has(one.pid));
}

/** Milliseconds of a processor, and the most memory that was resident, in MB: sums. */
export function usageOf(tree: readonly Process[]): { cpu: number; memory: number } {
  let [cpu, memory] = [0, 0];
  for (const { pid, ms } of tree) {
    cpu += ms;
    memory += peakMegabytes(pid);
  }
  return { cpu, memory };
}

function peakMegabytes(pid: number): number {
  try {
    return Number(/^VmHWM:\s*(\d+)/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;
  } catch {
    return 0; // It has ended.
  }
}

function* processes(): Generator<Process> {
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const found = processAt(name);
    if (found) yield found;
  }
}

function processAt(name: string): Process | undefined {
  try {
    const text = Deno.readTextFileSync(`/proc/${name}/stat`);
    // Its name is in brackets, and may have some in it.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const [parent, user, system] = [fields[1], fields[11], fields[12]].map(Number);
    return { pid: Number(name), parent, ms: (user + system) * TICK };
  } catch {
    return undefined; // It has ended.
  }
}
