import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import { isSecretVariable } from "../../settings/options.ts";
import { permissionsText } from "../process/permission_line.ts";
import { type Narrowed, narrowPermissions } from "./narrow_permissions.ts";
import { type Asked, PermissionBroker } from "./permission_broker.ts";

/** What was asked for, as the permissions of this machine and this working directory. */
export function learnedFrom(asked: readonly Asked[]): Narrowed {
  return narrowPermissions(asked.filter((one) => !isOfSandbox(one)), {
    env: Deno.env.toObject(),
    temporary: [...new Set([tmpdir(), "/tmp"])],
    cwd: Deno.cwd(),
  });
}

/** The definition with which a function asks a permission broker: it sees the whole environment, and may do everything. */
export function withoutLimits(definition: FunctionDefinition): FunctionDefinition {
  return { ...definition, permissions: { env: true }, strictEnv: false };
}

/** The socket to the runner, whose name differs in each run, and Warren's secrets, which the guest removes. */
function isOfSandbox({ name, value }: Asked): boolean {
  return (name === "env" && isSecretVariable(value)) || /\/warren-[^/]+\/\d+\.sock$/.test(value);
}

/** Grants every permission to the functions of a runner, and learns which ones each of them needs. */
export class Learning implements AsyncDisposable {
  readonly #log: Logger;
  readonly #brokers = new Map<string, PermissionBroker>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** The socket at which a function asks. @param folder of the runner's own */
  brokerOf(name: string, folder: string): string {
    const known = this.#brokers.get(name);
    if (known) return known.path;
    const place = join(folder, "permissions", String(this.#brokers.size));
    mkdirSync(place, { recursive: true });
    const broker = new PermissionBroker(place, (one) => {
      if (!isOfSandbox(one)) this.#log.info(`asks for ${one.name} "${one.value}"`, { function: name });
    });
    this.#brokers.set(name, broker);
    return broker.path;
  }

  /** Logs what each function has asked for so far, as the line for its config. */
  tell(): void {
    for (const [name, { asked }] of this.#brokers) {
      const { permissions } = learnedFrom(asked);
      this.#log.info(`so far it needs ${permissionsText({ permissions, strictEnv: false })}`, { function: name });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const broker of this.#brokers.values()) {
      await broker[Symbol.asyncDispose]().catch((error) => this.#log.debug(describeError(error)));
    }
  }
}
