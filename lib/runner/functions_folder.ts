import { describeError } from "../base/errors.ts";
import type { FunctionRegistry } from "./function_registry.ts";
import { loadFunctions } from "../loader/loader.ts";
import { ProjectReader } from "../loader/project/project_reader.ts";
import { watchFunctions } from "../loader/watch.ts";
import type { Logger } from "../base/log.ts";
import type { Options } from "../settings/options.ts";

export interface FunctionsFolderOptions {
  options: Pick<Options, "functionsDir" | "permissionsCeiling" | "download" | "production" | "codeRoot">;
  registry: Pick<FunctionRegistry, "apply">;
  log: Logger;
  /** After it aborts, nothing is read or bound. */
  signal: AbortSignal;
  /** A folder of the runner's own, which is there at the first `load()`. */
  folder: () => string;
}

/** The functions folder. The registry serves the functions in it. */
export class FunctionsFolder {
  readonly #options: FunctionsFolderOptions;
  readonly #log: Logger;
  /** The files that the functions depend on now. */
  #files: readonly string[] = [];
  #changes: AsyncGenerator<void> | undefined;
  #projects: ProjectReader | undefined;

  constructor(options: FunctionsFolderOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  /** Watches for changes from now on. Called before the first `load()`, so that no change is missed. */
  async watch(): Promise<void> {
    const { options: { functionsDir }, signal } = this.#options;
    try {
      this.#changes = await watchFunctions(functionsDir, { files: () => [...this.#files], signal });
    } catch (error) {
      this.#log.error(`the functions folder cannot be watched: ${describeError(error)}`);
    }
  }

  /** Reads the folder, and updates the registry. */
  async load(): Promise<void> {
    const { options, registry, signal, folder } = this.#options;
    const { functionsDir, permissionsCeiling: ceiling, download, production, codeRoot } = options;
    const log = this.#log;
    const projects = this.#projects ??= new ProjectReader({ folder: folder(), frozen: production });
    const found = await loadFunctions(functionsDir, { projects, codeRoot, signal, log, ceiling, download });
    if (signal.aborted) return;
    this.#files = found.files;
    await registry.apply(found.functions);
    if (found.functions.length > 0) return;
    log.warn(`no functions in ${functionsDir}: drop a module there, or type: deno task new hello`);
  }

  /** If the folder is watched, loads it again after each change, one load at a time. */
  async follow(): Promise<void> {
    if (!this.#changes) return;
    try {
      for await (const _ of this.#changes) {
        await this.load().catch((error) => this.#log.error(`cannot read the functions: ${describeError(error)}`));
      }
    } catch (error) {
      this.#log.error(`the functions folder is not watched any more: ${describeError(error)}`);
    }
  }
}
