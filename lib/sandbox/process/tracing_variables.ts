/** By it, Deno's OpenTelemetry is on. */
const SWITCH = "OTEL_DENO";
const RESOURCE = "OTEL_RESOURCE_ATTRIBUTES";
const SAMPLER = "OTEL_TRACES_SAMPLER";

/**
 * The variables by which the spans of a function's process go where the runner's go. None if tracing is off. Deno reads them
 * before any code runs; the guest removes the secret ones before the function's module loads.
 *
 * @param env the runner's environment
 */
export function tracingVariables(name: string, env: Readonly<Record<string, string>>): Record<string, string> {
  if (!isTraced(env)) return {};
  const given = Object.entries(env).filter(([variable]) => variable.startsWith("OTEL_"));
  const resource = [env[RESOURCE], `faas.name=${encodeURIComponent(name)}`].filter((text) => text);
  // Deno's default would sample what is part of a trace that is not sampled.
  return { [SAMPLER]: "parentbased_always_on", ...Object.fromEntries(given), [RESOURCE]: resource.join(",") };
}

/** Whether tracing is on. */
export function isTraced(env: Readonly<Record<string, string | undefined>>): boolean {
  return env[SWITCH] === "true" || env[SWITCH] === "1";
}
