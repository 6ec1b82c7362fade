import { dirname, join, parse, sep } from "node:path";

/** More links than this on the way to one file count as a circle, as on Linux. */
const MAX_LINKS = 40;

/** What is wrong with a link that leads to no file. Undefined if the path is no link or leads to a file. */
export async function brokenLink(path: string): Promise<string | undefined> {
  const target = await Deno.readLink(path).catch(() => undefined);
  if (target === undefined) return undefined;
  try {
    await Deno.realPath(path);
    return undefined;
  } catch (error) {
    if (error instanceof Deno.errors.FilesystemLoop) return `it is a link to "${target}", which leads back to itself`;
    if (error instanceof Deno.errors.NotFound) return `it is a link to "${target}", which is not there`;
    return `it is a link to "${target}", which cannot be followed: ${(error as Error).message}`;
  }
}

/** Everything that decides where a path leads, in folders without links in their own paths. */
export interface Way {
  /** The links on the way and their final target, or the first missing entry, as `[folder, name]`. */
  steps: [folder: string, name: string][];
  /** The folder that the path leads to. Undefined if it leads to no folder. */
  folder?: string;
}

/** Follows a path link by link, as the system does. */
export async function wayTo(path: string): Promise<Way> {
  const { root } = parse(path);
  const names = path.slice(root.length).split(sep);
  const steps: Way["steps"] = [];
  let at = root;
  let isDirectory = true;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      at = dirname(at);
      continue;
    }
    const here = join(at, name);
    const info = await Deno.lstat(here).catch(() => undefined);
    if (!info || info.isSymlink || names.length === 0) steps.push([at, name]);
    if (!info || steps.length > MAX_LINKS) return { steps };
    if (info.isSymlink) {
      const target = await Deno.readLink(here).catch(() => "");
      const start = parse(target).root;
      names.unshift(...target.slice(start.length).split(sep));
      if (start !== "") at = start;
      continue;
    }
    ({ isDirectory } = info);
    at = here;
  }
  // A link's target may end in "." or "..", and then the path leads to the folder itself.
  return isDirectory ? { steps, folder: at } : { steps };
}
