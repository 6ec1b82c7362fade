/** A package that Warren itself imports, and so in Deno's cache wherever its tests run. */
export const PACKAGE = "npm:croner@11.0.1";

/** The text of a lock file with that package, and with nothing else. */
export async function lockWith(dependencies: readonly string[] = [PACKAGE]): Promise<string> {
  const own = JSON.parse(await Deno.readTextFile(new URL("../../../deno.lock", import.meta.url)));
  const name = PACKAGE.slice("npm:".length);
  return JSON.stringify({
    version: own.version,
    specifiers: { [PACKAGE]: own.specifiers[PACKAGE] },
    npm: { [name]: own.npm[name] },
    workspace: { dependencies },
  });
}

/** The text of a lock file with nothing in it. */
export const EMPTY_LOCK = JSON.stringify({ version: "5" });
