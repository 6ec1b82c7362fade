import { describeError } from "../../base/errors.ts";
import { MemoryStore } from "../../once/memory_store.ts";
import { openSandbox, type SandboxSurroundings } from "../../serving/surroundings.ts";
import type { Logger } from "../../base/log.ts";
import type { Found } from "../invoke/sandboxed_run.ts";

/** Functions that are loaded at the same time. */
const AT_ONCE = 4;

/**
 * Loads every function in its own sandbox, with its own permissions, without running a handler.
 *
 * @returns what is wrong with those that do not load, by their names
 */
export async function loadErrors(
  functions: readonly Found[],
  surroundings: Omit<SandboxSurroundings, "once">,
  log: Logger,
): Promise<Map<string, string>> {
  const errors = new Map<string, string>();
  const rest = [...functions];
  const once = { store: new MemoryStore(), keep: 0 };
  const loadOne = async (found: Found) => {
    const { name } = found;
    const sandbox = openSandbox(found, { ...surroundings, once }, log.child({ function: name }));
    try {
      await sandbox.warm();
    } catch (error) {
      errors.set(name, describeError(error));
    } finally {
      await sandbox.close();
    }
  };
  const work = async () => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift()) await loadOne(next);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return errors;
}
