import { resolve } from "node:path";
import { isBelow } from "../base/below.ts";
import type { PermissionsConfig } from "../mod.ts";

/** Permissions of a process: true for all of one, or a list. */
export type Permissions = Omit<PermissionsConfig, "env"> & { env?: boolean | string[] };

const NAMES = ["net", "env", "read", "write", "run", "sys", "ffi"] as const;

/**
 * Parses the upper limit of all functions' permissions, as in `net=api.example.com:443,db:5432;env`. A name without a
 * list allows all of that permission. Names that are missing are not allowed. An empty text or `none` allows nothing.
 *
 * @throws {Error} for an unknown permission
 */
export function parseCeiling(text: string): Permissions {
  const ceiling: Permissions = {};
  if (text.trim() === "none") return ceiling;
  for (const part of text.split(";").map((part) => part.trim()).filter((part) => part !== "")) {
    const [, name, list] = /^([^=]*?)\s*(?:=(.*))?$/s.exec(part)!;
    if (!NAMES.includes(name as typeof NAMES[number])) {
      throw new Error(`expected ${NAMES.join(", ")}, found "${name}"`);
    }
    ceiling[name as typeof NAMES[number]] = list === undefined
      ? true
      : list.split(",").map((item) => item.trim()).filter((item) => item !== "");
  }
  return ceiling;
}

/** The permissions that exceed the ceiling, one line each. Empty if there are none. */
export function beyondCeiling(asked: Permissions, ceiling: Permissions): string[] {
  return NAMES.flatMap((name) => {
    const [wanted, most] = [asked[name], ceiling[name]];
    if (!wanted || (Array.isArray(wanted) && wanted.length === 0) || most === true) return [];
    if (wanted === true) return [`permissions.${name} asks for everything, and the runner allows ${shown(most)}`];
    const allowed = most || [];
    return wanted
      .filter((item) => !allowed.some((most) => covers(name, most, item)))
      .map((item) => `permissions.${name} asks for "${item}", and the runner allows ${shown(most)}`);
  });
}

function covers(name: string, most: string, item: string): boolean {
  if (most === item) return true;
  // A host without a port allows every port. A folder allows everything below it.
  if (name === "net") return !most.includes(":") && item.startsWith(`${most}:`);
  // `SMTP_*` allows every variable with that prefix.
  if (name === "env") return most.endsWith("*") && item.startsWith(most.slice(0, -1));
  if (name !== "read" && name !== "write") return false;
  const [folder, path] = [resolve(most), resolve(item)];
  return path === folder || isBelow(path, folder);
}

function shown(most: boolean | string[] | undefined): string {
  return Array.isArray(most) && most.length > 0 ? most.join(", ") : "nothing";
}
