import type { BareImport } from "./graph.ts";

/**
 * What an inline function imports by a bare name and would get as something else: the runner itself imports it, by the
 * runner's own import map and not by the project's.
 *
 * @param resolveHere what the runner resolves a name to; throws where it is nothing. @default `import.meta.resolve`
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
