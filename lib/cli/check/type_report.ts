import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import { resolutionFlags } from "../../invocation/definition/resolution.ts";
import type { Found } from "../invoke/sandboxed_run.ts";

/** A line of the compiler that says where an error is. */
const PLACE = /^\s+at (file:\S+?)(?::\d+:\d+)?$/;

/**
 * Checks the types of functions with `deno check`: each module by itself, and its handler against what its `input` and
 * `config` say that it receives.
 *
 * @returns the errors of those that have some, by their names
 */
export async function typeErrors(functions: readonly Found[]): Promise<Map<string, string>> {
  // Functions of one project resolve their imports by the same rules.
  const groups = Map.groupBy(functions, ({ resolution }) => resolutionFlags(resolution ?? {}).join(" "));
  const errors = await Promise.all([...groups.values()].map(checkGroup));
  return new Map(errors.flatMap((found) => [...found]));
}

async function checkGroup(functions: readonly Found[]): Promise<Map<string, string>> {
  const folder = await Deno.makeTempDir({ prefix: "warren-types-" });
  try {
    const files = new Map<string, Found>();
    for (const [index, found] of functions.entries()) {
      const file = join(folder, `${index}.ts`);
      await Deno.writeTextFile(file, assertion(found));
      files.set(file, found);
    }
    const flags = resolutionFlags(functions[0].resolution ?? {});
    const { stderr, code } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", ...flags, ...files.keys()],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
    }).output();
    return code === 0 ? new Map() : errorsByName(new TextDecoder().decode(stderr), files);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A module that does not compile where the handler is not what its config and its input need. */
function assertion({ file, definition }: Found): string {
  const url = JSON.stringify(pathToFileURL(file).href);
  return `import type { BatchHandler, EventHandler, Handler, Input } from "warren";\n` +
    `import * as module from ${url};\nmodule.default satisfies ${handlerType(definition)};\n`;
}

function handlerType({ batch, envelope, validates }: FunctionDefinition): string {
  const body = validates ? "Input<typeof module.input>" : "any";
  return `${batch ? "BatchHandler" : envelope ? "EventHandler" : "Handler"}<${body}>`;
}

/** Each error of the compiler is a block of lines, which ends with its place. */
function errorsByName(output: string, files: ReadonlyMap<string, Found>): Map<string, string> {
  const blocks = output.split(/\n\s*\n/).filter((block) => /^TS\d+/.test(block));
  const errors = new Map<string, string>();
  for (const block of blocks) {
    const found = ownerOf(block, files);
    const names = found ? [found.name] : [...files.values()].map(({ name }) => name);
    for (const name of names) errors.set(name, [errors.get(name), shown(block)].filter(Boolean).join("\n"));
  }
  if (errors.size === 0) { for (const { name } of files.values()) errors.set(name, output.trim()); }
  return errors;
}

/** Undefined for an error in a module that several functions may import. */
function ownerOf(block: string, files: ReadonlyMap<string, Found>): Found | undefined {
  const places = block.split("\n").flatMap((line) => PLACE.exec(line)?.[1] ?? []);
  for (const [file, found] of files) {
    if (places.some((place) => place === pathToFileURL(file).href || place === pathToFileURL(found.file).href)) {
      return found;
    }
  }
  return undefined;
}

/** Without the place in the module that was made for the check, and without its text. */
function shown(block: string): string {
  const lines = block.split("\n").filter((line) => !/warren-types-/.test(line));
  const own = lines.filter((line) => !/^module\.default satisfies/.test(line) && !/^\s+~+$/.test(line));
  return /warren-types-/.test(block)
    ? ["the handler does not fit its input and config:", ...own].join("\n")
    : lines.join("\n");
}
