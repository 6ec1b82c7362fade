/** A process of this machine. Only Linux tells what is asked here without a program. */
export interface SeenProcess {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** As in /proc: `Z` is a zombie. */
  readonly state: string;
  /** Its arguments, with blanks between them. */
  readonly command: string;
}

export const LINUX = Deno.build.os === "linux";

/** Every process that there is now. */
export function processes(): SeenProcess[] {
  return [...Deno.readDirSync("/proc")].flatMap(({ name }) => /^\d+$/.test(name) ? seen(Number(name)) : []);
}

/** Its processes, and theirs. */
export function descendants(pid: number): SeenProcess[] {
  const all = processes();
  const below = (parent: number): SeenProcess[] =>
    all.filter((one) => one.parent === parent).flatMap((one) => [one, ...below(one.pid)]);
  return below(pid);
}

/** Those among them that run a function: their main module is the entry that the sandbox writes. */
export function functionProcesses(pid: number): SeenProcess[] {
  return descendants(pid).filter(({ command }) => command.includes("guest.ts"));
}

function seen(pid: number): SeenProcess[] {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const [state, parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const command = Deno.readTextFileSync(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
    return [{ pid, parent: Number(parent), group: Number(group), state, command }];
  } catch {
    return []; // ended meanwhile
  }
}
