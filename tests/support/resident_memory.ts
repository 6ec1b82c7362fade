/** Bytes of memory that a process has resident; undefined where it is gone or the system does not tell. */
export function residentMemory(pid: number): number | undefined {
  try {
    return Number(Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ")[1]) * 4096;
  } catch {
    return undefined;
  }
}
