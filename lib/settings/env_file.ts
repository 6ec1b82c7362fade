import { join } from "node:path";
import { parseEnv } from "node:util";
import { describeError, WarrenError } from "../base/errors.ts";
import type { Options } from "./options.ts";

/** Reads a file's text; throws `Deno.errors.NotFound` where there is none. */
export type ReadText = (path: string) => string;

/**
 * The variables of the files that the options name, else of `.env` in the project's folder, which need not be there and
 * is not read in production. Of several files the last one wins. A variable that is set already is not among them, nor is
 * one whose `NAME_FILE` is set.
 *
 * @param set the environment as it is
 * @param projectRoot the folder of the project; undefined where there is none
 * @param read @default `Deno.readTextFileSync`
 * @throws {WarrenError} `config` where a file that is named cannot be read
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

/** A secret is set by its value or by a file: the form that is set already wins over the other in a file. */
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
