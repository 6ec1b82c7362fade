import { TRACING_SECRETS } from "../../base/tracing_secrets.ts";

/** Saved before the function's module loads, which may replace them. */
const { permissions } = Deno;
/** Property names that JavaScript reads from any object. They are no variables. */
const OF_OBJECTS = new Set([...Object.getOwnPropertyNames(Object.prototype), "then", "toJSON"]);
const VARIABLE = /^[A-Za-z_]\w{0,127}$/;

/**
 * From here on, `tell` gets each environment variable that the function looks at or sets and its config does not grant,
 * once. Deno is started so that they read as absent and cannot be set. Node's `process.env` goes through `Deno.env` too.
 */
export function watchEnv(tell: (variable: string) => void): void {
  const { env } = Deno;
  const told = new Set<string>();
  const note = (variable: unknown) => {
    if (typeof variable !== "string" || told.has(variable) || OF_OBJECTS.has(variable)) return;
    if (!VARIABLE.test(variable) || isGranted(variable)) return;
    told.add(variable);
    tell(variable);
  };
  const { get, has, set } = env;
  env.get = (variable) => {
    const value = get.call(env, variable);
    if (value === undefined) note(variable);
    return value;
  };
  env.has = (variable) => {
    const there = has.call(env, variable);
    if (!there) note(variable);
    return there;
  };
  env.set = (variable, value) => {
    set.call(env, variable, value);
    note(variable);
  };
}

/** Deno's exporter has read its secrets by now. A function that may read every variable does not get them. */
export function hideTracing(): void {
  for (const variable of TRACING_SECRETS) if (isGranted(variable)) Deno.env.delete(variable);
}

function isGranted(variable: string): boolean {
  return permissions.querySync({ name: "env", variable }).state === "granted";
}
