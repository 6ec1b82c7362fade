/** The entries that a lock file has and an earlier text of it does not have: imports, and dependencies of the project. */
export function added(before: string, after: string): string[] {
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
    // No lock file: Deno reports that.
    return new Set();
  }
}
