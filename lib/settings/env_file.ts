import { join } from "node:path";
import { parseEnv } from "node:util";
import { describeError, WarrenError } from "../base/errors.ts";
import type { Options } from "./options.ts";

/** Reads a text file. Throws `Deno.errors.NotFound` if it does not exist. */
export type ReadText = (path: string) => string;

/**
 * Reads the variables of the files in `envFile`, otherwise those of `.env` in the project's folder. `.env` may be missing,
 * and is not read in production. The last of several files takes precedence. Variables that are already set are left
 * out, and so is `NAME` if `NAME_FILE` is set.
 *
 * @param set the current environment
 * @param projectRoot the folder of the project. Undefined if there is none
 * @param read @default `Deno.readTextFileSync`
 * @throws {WarrenError} `config` if a file cannot be read
 */
export function readEnvFiles(
  { envFile, production }: Pick<Options, "envFile" | "production">,
  set: Readonly<Record<string, string>>,
  projectRoot: string | undefined,
  read: ReadText = Deno.readTextFileSync,
): Record<string, string> {
  const named = envFile?.map((path) => textOf(path, read, true));
  const beside = projectRoot === undefined || production ? [] : [textOf(join(projectRoot, ".env"), read, false)];
  const found: Record<string, string> = {};
  for (const text of named ?? beside) Object.assign(found, parseEnv(text));
  const names = Object.keys(found).filter((name) =>
    name !== "" && !Object.hasOwn(set, name) && !Object.hasOwn(set, otherForm(name))
  );
  return Object.fromEntries(names.map((name) => [name, found[name]]));
}

/** A secret has two forms, a value and a file. If one is already set, the other one in `.env` must not compete with it. */
function otherForm(name: string): string {
  return name.endsWith("_FILE") ? name.slice(0, -"_FILE".length) : `${name}_FILE`;
}

function textOf(path: string, read: ReadText, needed: boolean): string {
  try {
    return read(path);
  } catch (cause) {
    if (!needed && cause instanceof Deno.errors.NotFound) return "";
    throw new WarrenError("config", `the file of variables "${path}" cannot be read: ${describeError(cause)}`, {
      cause,
    });
  }
}
