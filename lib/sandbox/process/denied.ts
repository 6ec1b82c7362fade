import type { Permissions } from "../../settings/ceiling.ts";
import { type Grants, permissionLine } from "./permission_line.ts";

/** How Deno reports a missing permission. */
const DENIED = /^Requires (net|env|read|write|run|sys|ffi|import) access(?: to ("(?:[^"\\]|\\.)*"|<[^>]+>|[^,]+))?,/;

/**
 * The same error, with the line of the function's config that would grant what was denied: Deno's own text names a
 * flag, which nobody types here. Other errors come back as they are.
 */
export function explained(error: unknown, grants: Grants): unknown {
  try {
    return withConfigLine(error, grants);
  } catch {
    // It throws when it is read.
    return error;
  }
}

function withConfigLine(error: unknown, grants: Grants): unknown {
  if (!(error instanceof Error)) return error;
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const message = cause.name === "NotCapable" ? saidByDeno(cause.message, grants) : saidByNode(cause, grants);
    if (message === undefined) continue;
    const same = new Error(message, { cause: error });
    same.name = cause.name;
    same.stack = error.stack?.replace(cause.message, () => message);
    return same;
  }
  return error;
}

function saidByDeno(message: string, grants: Grants): string | undefined {
  const [found, permission, what] = DENIED.exec(message) ?? [];
  if (!found) return undefined;
  if (permission === "import") {
    return `Requires import access to ${what}: a function imports only what its source names in import statements`;
  }
  const items = what?.startsWith('"') ? [JSON.parse(what)] : undefined;
  return `Requires ${permission} access${what ? ` to ${what}` : ""}, which the function's config does not grant: ` +
    permissionLine(grants, permission as keyof Permissions, items);
}

/** Deno's Node modules report some denials in Node's words, without the reason. */
function saidByNode(error: Error, grants: Grants): string | undefined {
  const { code, syscall, hostname, status } = error as Error & Record<string, unknown>;
  const lookup = code === "EPERM" && syscall === "getaddrinfo" && typeof hostname === "string";
  if (!lookup && !(status === undefined && error.message.startsWith("Command failed: "))) return undefined;
  const line = lookup ? permissionLine(grants, "net", [hostname]) : permissionLine(grants, "run");
  return `${error.message}, which the function's config does not grant: ${line}`;
}
