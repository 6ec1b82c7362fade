import { MemoryWatch } from "../../sandbox/limits/memory_watch.ts";
import { Reaper } from "../../sandbox/limits/reaper.ts";
import type { SandboxSurroundings } from "../../serving/surroundings.ts";
import type { CommandContext } from "../command.ts";

/** What a command needs to open sandboxes, without a store for once(). Everything is taken apart afterwards. */
export async function withSandboxes<T>(
  { log }: Pick<CommandContext, "log">,
  use: (surroundings: Omit<SandboxSurroundings, "once">) => Promise<T>,
): Promise<T> {
  const reaper = new Reaper(log);
  const memoryWatch = new MemoryWatch({ reaper, log });
  const folder = await Deno.makeTempDir({ prefix: "warren-" });
  try {
    void memoryWatch.start();
    return await use({ folder, memoryWatch, reaper });
  } finally {
    await reaper.close();
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  }
}
