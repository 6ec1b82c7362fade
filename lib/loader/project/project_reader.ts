import { createHash } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import { type Resolution, resolutionFlags } from "../../invocation/definition/resolution.ts";
import { OWN_CONFIG, ownImports } from "../../settings/own_package.ts";
import { dependencyImports, namesWarren, withWarren } from "./import_map.ts";
import { added } from "./lock_file.ts";
import { type Project, PROJECT_FILES, readProject, type SettingsFile } from "./project.ts";

export interface ProjectReaderOptions {
  /** A folder of Warren's own, for generated files. */
  folder: string;
  /** The project's lock file must be complete: nothing is added to it, and functions with missing entries do not load. */
  frozen: boolean;
}

/** How imports are resolved during one load: the project's settings at that moment. */
export interface ImportRules {
  readonly project: Project | undefined;
  /** Deno's flags for the configuration and the import map. They say nothing about a lock file. */
  readonly configFlags: string[];
  /** Deno's flags for commands that read imports. They add missing entries to Warren's own copy of the lock file. */
  readonly flags: string[];
  /** Files to watch, including missing ones. */
  readonly files: string[];
  /** All settings that affect how imports are resolved, except for the lock file. */
  readonly key: string;
  /** Gives the rules for the functions' processes. Call it after the imports have been read. */
  settle(): Promise<SettledRules>;
}

export interface SettledRules {
  resolution: Resolution;
  /** The text of the lock file. Undefined if there is none. */
  lock: string | undefined;
  /** Imports and dependencies that are missing in the project's own lock file. */
  unlocked: string[];
}

/** Keys of a `deno.json` that do not affect how imports are resolved. */
const UNRELATED = new Set([
  ...["$schema", "tasks", "fmt", "lint", "test", "bench", "name", "version", "description", "license", "exports"],
  ...["publish", "exclude", "lock"],
]);
/** Keys of a `package.json` that do. */
const OF_PACKAGE = new Set(["type", "dependencies", "devDependencies", "optionalDependencies"]);

/** Reads the settings of the functions' project for each load. Keeps a copy of its lock file for Deno to complete. */
export class ProjectReader {
  readonly #options: ProjectReaderOptions;
  /** The text of the project's lock file when it was copied. */
  #copied: string | undefined;

  constructor(options: ProjectReaderOptions) {
    this.#options = options;
  }

  /** @throws {WarrenError} `config` if a file of the project cannot be read */
  async open(functionsDir: string): Promise<ImportRules> {
    const project = await readProject(functionsDir);
    const config = await this.#config(project);
    const original = project?.lock && await Deno.readTextFile(project.lock).catch(() => undefined);
    const working = original === undefined ? undefined : join(this.#options.folder, "deno.lock");
    if (working !== undefined && original !== this.#copied) await Deno.writeTextFile(working, original!);
    this.#copied = original;
    const rules = { ...config, files: project?.files ?? new Map<string, string>() };
    return {
      project,
      configFlags: resolutionFlags(config).filter((flag) => flag !== "--no-lock"),
      // Deno may write to this copy, so without `--frozen`.
      flags: resolutionFlags({ ...config, lock: working }).filter((flag) => flag !== "--frozen"),
      files: project ? watched(project) : settingsIn(dirname(resolve(functionsDir))),
      key: project ? keyOf(project) : "",
      settle: async () => {
        if (working === undefined || original === undefined) {
          return { resolution: rules, lock: undefined, unlocked: [] };
        }
        return await this.#settle(rules, original, await Deno.readTextFile(working));
      },
    };
  }

  async #settle(rules: Resolution, original: string, completed: string): Promise<SettledRules> {
    const lock = this.#options.frozen ? original : completed;
    const resolution = { ...rules, lock: await this.#write("deno.lock", lock) };
    return { resolution, lock, unlocked: added(original, completed) };
  }

  async #config(project: Project | undefined): Promise<Pick<Resolution, "config" | "importMap">> {
    if (!project) return { config: OWN_CONFIG ?? await this.#writeConfig({ imports: ownImports() }) };
    const { config, packageJson } = project;
    if (!config) {
      const imports = { ...ownImports(), ...packageJson && dependencyImports(packageJson) };
      return { config: await this.#writeConfig({ nodeModulesDir: "none", imports }, project) };
    }
    if (namesWarren(project)) return { config: config.path };
    const map = JSON.stringify(withWarren(project), undefined, 2);
    return { config: config.path, importMap: await this.#write("import_map.json", map) };
  }

  /** Writes a `deno.json`, with the project's `.npmrc` beside it. */
  async #writeConfig(content: Record<string, unknown>, project?: Project): Promise<string> {
    const npmrc = project?.files.get(join(project.root, ".npmrc"));
    const path = await this.#write("deno.json", JSON.stringify(content, undefined, 2), npmrc);
    if (npmrc !== undefined) await Deno.writeTextFile(join(path, "../.npmrc"), npmrc);
    return path;
  }

  /** Writes a file that never changes again, into a folder that is named after its text. */
  async #write(name: string, text: string, more = ""): Promise<string> {
    const id = createHash("sha256").update(text).update(more).digest("hex").slice(0, 16);
    const path = join(this.#options.folder, id, name);
    await Deno.mkdir(join(path, ".."), { recursive: true });
    await Deno.writeTextFile(path, text);
    return path;
  }
}

function watched({ root, lock, files }: Project): string[] {
  return [...new Set([...settingsIn(root), join(root, ".npmrc"), ...files.keys(), ...lock ? [lock] : []])];
}

/** The files that make a folder a project. */
function settingsIn(folder: string): string[] {
  return PROJECT_FILES.map((name) => join(folder, name));
}

function keyOf({ config, workspace, packageJson, files }: Project): string {
  const known = new Map<string, unknown>();
  const keep = (file: SettingsFile | undefined, wanted: (key: string) => boolean) => {
    if (file) known.set(file.path, Object.entries(file.content).filter(([key]) => wanted(key)));
  };
  keep(config, (key) => !UNRELATED.has(key));
  keep(workspace, (key) => !UNRELATED.has(key));
  keep(packageJson, (key) => OF_PACKAGE.has(key));
  return JSON.stringify([...files].map(([path, text]) => known.get(path) ?? text));
}
