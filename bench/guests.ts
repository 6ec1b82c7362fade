/** The processes that run a runner's functions. Only on Linux: they are found in `/proc`. */
export async function guestsOf(runner: number): Promise<number[]> {
  const text = await Deno.readTextFile(`/proc/${runner}/task/${runner}/children`);
  const children = text.trim().split(" ").filter((child) => child !== "").map(Number);
  const commands = await Promise.all(
    children.map((child) => Deno.readTextFile(`/proc/${child}/cmdline`).catch(() => "")),
  );
  return children.filter((_, index) => commands[index].includes("guest.ts"));
}
