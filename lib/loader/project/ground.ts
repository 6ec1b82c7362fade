import { createHash } from "node:crypto";
import { join } from "node:path";
import { type Resolution, resolutionFlags } from "../../invocation/definition/resolution.ts";
import { OWN_CONFIG, ownImports } from "../../settings/own_package.ts";
import { dependencyImports, namesWarren, withWarren } from "./import_map.ts";
import { type Project, PROJECT_FILES, readProject, type SettingsFile } from "./project.ts";

export interface GroundOptions {
  /** A folder of Warren's own, for what it generates. */
  folder: string;
  /** Whether the project's lock file has to have everything: then nothing is added, and what is missing does not load. */
  frozen: boolean;
}

/** What functions import resolves on it: the project's settings as they were at one moment. */
export interface Ground {
  readonly project: Project | undefined;
  /** Flags for a command of Deno's for how imports resolve, without those for a lock file. */
  readonly rules: string[];
  /** Flags for a command of Deno's that reads imports, and adds to Warren's own copy of the lock file what it lacks. */
  readonly flags: string[];
  /** What has to be watched: files of the project, whether they are there or not. */
  readonly files: string[];
  /** What of the settings decides how imports resolve, as one text; the lock file is not in it. */
  readonly key: string;
  /** By which rules the functions' processes run, once their imports were read. */
  settle(): Promise<SettledGround>;
}

export interface SettledGround {
  resolution: Resolution;
  /** The text of the lock file; undefined where there is none. */
  lock: string | undefined;
  /** What functions import, or the project names, and its own lock file does not have. */
  unlocked: string[];
}

/** Keys of a `deno.json` that have nothing to do with imports. */
const UNRELATED = new Set([
  ...["$schema", "tasks", "fmt", "lint", "test", "bench", "name", "version", "description", "license", "exports"],
  ...["publish", "exclude", "lock"],
]);
const OF_PACKAGE = new Set(["type", "dependencies", "devDependencies", "optionalDependencies"]);

/** Reads a project's settings for each load, and keeps a copy of its lock file to which Deno adds what is missing. */
export class Grounds {
  readonly #options: GroundOptions;
  /** The project's lock file as it was when the copy was made of it. */
  #copied: string | undefined;

  constructor(options: GroundOptions) {
    this.#options = options;
  }

  /** @throws {WarrenError} `config` where a file of the project cannot be read */
  async open(functionsDir: string): Promise<Ground> {
    const project = await readProject(functionsDir);
    const rules = await this.#rules(project);
    const original = project?.lock && await Deno.readTextFile(project.lock).catch(() => undefined);
    const working = original === undefined ? undefined : join(this.#options.folder, "deno.lock");
    if (working !== undefined && original !== this.#copied) await Deno.writeTextFile(working, original!);
    this.#copied = original;
    const files = project?.files ?? new Map<string, string>();
    return {
      project,
      rules: resolutionFlags(rules).filter((flag) => flag !== "--no-lock"),
      // Deno may write this copy: without `--frozen`.
      flags: resolutionFlags({ ...rules, lock: working }).filter((flag) => flag !== "--frozen"),
      files: project ? watched(project) : [],
      key: project ? keyOf(project) : "",
      settle: async () => {
        if (working === undefined || original === undefined) {
          return { resolution: { ...rules, files }, lock: undefined, unlocked: [] };
        }
        const completed = await Deno.readTextFile(working);
        const unlocked = added(original, completed);
        const lock = this.#options.frozen ? original : completed;
        return { resolution: { ...rules, lock: await this.#write("deno.lock", lock), files }, lock, unlocked };
      },
    };
  }

  async #rules(project: Project | undefined): Promise<Pick<Resolution, "config" | "importMap">> {
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

  /** In a folder of its own, with the project's `.npmrc` beside it. */
  async #writeConfig(content: Record<string, unknown>, project?: Project): Promise<string> {
    const npmrc = project?.files.get(join(project.root, ".npmrc"));
    const path = await this.#write("deno.json", JSON.stringify(content, undefined, 2), npmrc);
    if (npmrc !== undefined) await Deno.writeTextFile(join(path, "../.npmrc"), npmrc);
    return path;
  }

  /** A file that never changes again: its folder is named for its text. */
  async #write(name: string, text: string, more = ""): Promise<string> {
    const id = createHash("sha256").update(text).update(more).digest("hex").slice(0, 16);
    const path = join(this.#options.folder, id, name);
    await Deno.mkdir(join(path, ".."), { recursive: true });
    await Deno.writeTextFile(path, text);
    return path;
  }
}

function watched({ root, lock, files }: Project): string[] {
  const names = [...PROJECT_FILES, ".npmrc"].map((name) => join(root, name));
  return [...new Set([...names, ...files.keys(), ...lock ? [lock] : []])];
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

/** What the lock file had no entry for: imports, and what the project's settings name. */
function added(before: string, after: string): string[] {
  if (before === after) return [];
  const had = entriesOf(before);
  return [...entriesOf(after)].filter((entry) => !had.has(entry)).sort();
}

function entriesOf(lock: string): Set<string> {
  try {
    const { specifiers = {}, remote = {}, workspace = {} } = JSON.parse(lock);
    const named = [...workspace.dependencies ?? [], ...workspace.packageJson?.dependencies ?? []];
    return new Set([...Object.keys(specifiers), ...Object.keys(remote), ...named]);
  } catch {
    return new Set();
  }
}
