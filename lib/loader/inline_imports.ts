import type { BareImport } from "./graph.ts";

/**
 * Finds bare imports of an inline function that the runner resolves differently from the function's project. The runner
 * imports inline functions itself, with its own import map.
 *
 * @param resolveHere resolves a name in the runner. Throws if the name is unknown. @default `import.meta.resolve`
 * @returns one error for each such import
 */
export function refuseInlineImports(
  imports: readonly BareImport[],
  resolveHere: (name: string) => string = import.meta.resolve,
): string[] {
  return imports.flatMap(({ name, target, from }) => {
    const here = resolved(name, resolveHere);
    if (here === target) return [];
    const other = here === undefined ? "does not know this name" : `has ${here} by this name`;
    return [
      `${from}: isolation is "inline", and the runner, which imports an inline function itself, ${other}: ` +
      `import "${target}", or leave out isolation`,
    ];
  });
}

function resolved(name: string, resolveHere: (name: string) => string): string | undefined {
  try {
    return resolveHere(name);
  } catch {
    return undefined;
  }
}
