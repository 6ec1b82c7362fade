import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Logger } from "../../base/log.ts";
import { isSecretVariable } from "../../settings/options.ts";
import { permissionLine } from "../process/permission_line.ts";

/** More than any package reads. */
const MAX_VARIABLES = 1_000;

export interface UngrantedVariablesOptions {
  definition: FunctionDefinition;
  log: Logger;
  /** The runner's environment. @default Deno.env */
  env?: Pick<Deno.Env, "has">;
}

/**
 * Logs environment variables that a function reads and does not get. Each is logged once, whichever process reads it.
 */
export class UngrantedVariables {
  readonly #options: UngrantedVariablesOptions;
  readonly #said = new Set<string>();

  constructor(options: UngrantedVariablesOptions) {
    this.#options = options;
    const { env } = options.definition.permissions;
    this.#saySecrets(Array.isArray(env) ? env.filter(isSecretVariable) : []);
  }

  /** One of the function's processes read them. */
  looked(variables: readonly string[]): void {
    const fresh = variables.filter((name) => !this.#said.has(name)).slice(0, MAX_VARIABLES - this.#said.size);
    fresh.forEach((name) => this.#said.add(name));
    this.#saySecrets(fresh.filter(isSecretVariable));
    const names = fresh.filter((name) => !isSecretVariable(name));
    if (names.length === 0) return;
    const { definition, log, env = Deno.env } = this.#options;
    const set = names.filter((name) => env.has(name));
    const here = set.length > 0 ? `; the runner has ${set.join(", ")}` : "";
    // Includes the variables of earlier lines, so that you can paste the last line.
    const all = [...this.#said].filter((name) => !isSecretVariable(name));
    log.warn(
      `the function looks at environment variables that its config does not grant, and finds nothing: ` +
        `${names.join(", ")}${here}. To grant them: ${permissionLine(definition, "env", all)}`,
    );
  }

  #saySecrets(names: readonly string[]): void {
    if (names.length === 0) return;
    this.#options.log.warn(`the runner's own secrets are in no function's environment: ${names.join(", ")}`);
  }
}
