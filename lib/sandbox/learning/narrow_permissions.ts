import { isAbsolute, relative, resolve } from "node:path";
import type { Permissions } from "../../settings/ceiling.ts";
import type { Asked } from "./permission_broker.ts";

export interface NarrowOptions {
  /** The environment of the run. */
  readonly env: Readonly<Record<string, string>>;
  /** Folders whose files have other names in each run, Deno's own first. Paths below them become the folder. */
  readonly temporary: readonly string[];
  /** Below it, paths are relative. */
  readonly cwd: string;
}

/** The permissions that a function needs, as its config writes them. */
export interface Narrowed {
  readonly permissions: Permissions;
  /** Variables that it looked at and that are not set. Without a permission they are absent as well. */
  readonly unset: readonly string[];
}

/**
 * The narrowest permissions that allow all that was asked for. An environment variable is granted only if it is set: a
 * variable that is not granted looks like one that is not set.
 */
export function narrowPermissions(asked: readonly Asked[], options: NarrowOptions): Narrowed {
  const { env } = options;
  const lists = new Map<keyof Permissions, Set<string>>();
  const unset = new Set<string>();
  for (const one of asked) {
    if (isNeverGranted(one)) continue;
    if (one.name === "env" && env[one.value] === undefined) unset.add(one.value);
    else lists.set(one.name, (lists.get(one.name) ?? new Set()).add(itemOf(one.name, one.value, options)));
  }
  const names = ["net", "env", "read", "write", "run", "sys", "ffi"] as const;
  // A program without a path is looked for in the folders of PATH.
  const bare = [...lists.get("run") ?? []].some((program) => !program.includes("/"));
  if (bare) lists.set("env", (lists.get("env") ?? new Set()).add("PATH"));
  const granted = names.flatMap((name) => {
    const list = lists.get(name);
    return list ? [[name, [...list].sort()]] : [];
  });
  return { permissions: Object.fromEntries(granted), unset: [...unset].sort() };
}

/** What Deno gives only to a process with every permission. Programs that look there do without. */
function isNeverGranted({ name, value }: Asked): boolean {
  return (name === "read" || name === "write") && /^\/(proc|sys|dev)\/(?!null$)/.test(value);
}

function itemOf(name: keyof Permissions, value: string, options: NarrowOptions): string {
  if (name === "net") return hostOf(value);
  return name === "read" || name === "write" || name === "ffi" ? pathOf(value, options) : value;
}

const PORTS: Record<string, string> = { "http:": "80", "https:": "443", "ws:": "80", "wss:": "443" };

/** The host and port of a URL. Without a URL, Deno asks for `host:port`. */
function hostOf(value: string): string {
  if (!/^[a-z]+:\/\//.test(value) || !URL.canParse(value)) return value;
  const { hostname, port, protocol } = new URL(value);
  return `${hostname}:${port || PORTS[protocol]}`;
}

/** Deno asks for this where it makes a temporary file. */
const TEMPORARY = "<TMP>";

function pathOf(value: string, { temporary, cwd }: NarrowOptions): string {
  if (value === TEMPORARY) return temporary[0];
  const path = resolve(cwd, value);
  const folder = temporary.find((folder) => path === folder || path.startsWith(`${folder}/`));
  if (folder !== undefined) return folder;
  const below = relative(cwd, path);
  if (below === "") return ".";
  return below.startsWith("..") || isAbsolute(below) ? path : `./${below}`;
}
