import type { Permissions } from "../ceiling.ts";
import { type Grants, permissionLine } from "./permission_line.ts";

/** What Deno says of a permission that a process does not have. */
const DENIED = /^Requires (net|env|read|write|run|sys|ffi|import) access(?: to ("(?:[^"\\]|\\.)*"|<[^>]+>|[^,]+))?,/;

/**
 * The same error, with the line of the function's config that would grant what was denied: Deno's own text names a
 * flag, which nobody types here. Other errors come back as they are.
 */
export function explained(error: unknown, grants: Grants): unknown {
  try {
    return withConfigLine(error, grants);
  } catch {
    // It throws when it is looked at.
    return error;
  }
}

function withConfigLine(error: unknown, grants: Grants): unknown {
  if (!(error instanceof Error)) return error;
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const denied = cause.name === "NotCapable" ? DENIED.exec(cause.message) : null;
    if (!denied) continue;
    const [, permission, what] = denied;
    const message = permission === "import"
      ? `Requires import access to ${what}: a function imports only what its source names in import statements`
      : `Requires ${permission} access${what ? ` to ${what}` : ""}, which the function's config does not grant: ` +
        permissionLine(grants, permission as keyof Permissions, what?.startsWith('"') ? [JSON.parse(what)] : undefined);
    const same = new Error(message, { cause: error });
    same.name = cause.name;
    same.stack = error.stack?.replace(cause.message, () => message);
    return same;
  }
  return error;
}
