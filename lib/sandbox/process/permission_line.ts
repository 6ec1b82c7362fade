import type { Permissions } from "../../settings/ceiling.ts";

/** The permissions that a function's config grants. */
export interface Grants {
  readonly permissions: Permissions;
  /** Reading a variable that is not granted throws, instead of returning undefined. */
  readonly strictEnv: boolean;
}

/**
 * The line of a function's config that grants what it grants now and more of one permission, to be pasted over the one
 * that is there. Without `items` it grants all of that permission.
 */
export function permissionLine({ permissions, strictEnv }: Grants, name: keyof Permissions, items?: string[]): string {
  const granted = permissions[name];
  const wanted = items && granted !== true ? [...new Set([...granted || [], ...items])] : true;
  return permissionsText({ permissions: { ...permissions, [name]: wanted }, strictEnv });
}

/** Permissions as the line of a function's config. */
export function permissionsText({ permissions, strictEnv }: Grants): string {
  const all = Object.entries(permissions).filter(([, asked]) => asked !== undefined);
  if (all.length === 0) return "permissions: {}";
  const parts = all.map(([key, asked]) => {
    const list = Array.isArray(asked) ? `[${asked.map((item) => JSON.stringify(item)).join(", ")}]` : String(asked);
    return key === "env" && strictEnv ? `env: { allow: ${list}, strict: true }` : `${key}: ${list}`;
  });
  return `permissions: { ${parts.join(", ")} }`;
}
