import { createHash } from "node:crypto";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import { type Resolution, resolutionFlags } from "../../invocation/definition/resolution.ts";
import { BROKER_VARIABLE } from "../learning/permission_broker.ts";
import { isSecretVariable } from "../../settings/options.ts";
import { secretFiles } from "./secret_files.ts";
import { tracingVariables } from "./tracing_variables.ts";

/** Variables that Deno needs to find its cache and temporary files. */
export const DENO_NEEDS: readonly string[] = [
  "DENO_DIR",
  "HOME",
  "XDG_CACHE_HOME",
  "TMPDIR",
  "DENO_NO_PACKAGE_JSON",
  // By them it finds what is in the cache of another registry.
  "JSR_URL",
  "NPM_CONFIG_REGISTRY",
  // Which certificates it trusts.
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "DENO_CERT",
  "DENO_TLS_CA_STORE",
  "NODE_EXTRA_CA_CERTS",
];

export interface SandboxCommandOptions {
  /** The main module of the process. */
  entry: string;
  /** The Unix socket that the process connects to. */
  socket: string;
  /** Modules of the function that are links. Deno needs read permission to import them. @default none */
  links?: readonly string[];
  /** By which rules imports resolve. @default Deno's own, which know no `warren` */
  resolution: Resolution | undefined;
  /** @default the runner's own environment */
  env?: Record<string, string>;
  /** The socket of a PermissionBroker, which then decides about permissions. @default none */
  permissionBroker?: string;
}

/** The command line of a function's process. It allows only what the config grants. */
export function sandboxCommand(definition: FunctionDefinition, options: SandboxCommandOptions): Deno.Command {
  const env = options.env ?? Deno.env.toObject();
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      // The loader has fetched the static imports. Further imports at run time would be a way to the network.
      "--cached-only",
      `--v8-flags=--max-old-space-size=${Math.floor(definition.memory / 1024 / 1024)}`,
      // Otherwise Deno would store data of all functions in one place, without any permission.
      `--location=http://${createHash("sha256").update(definition.file).digest("hex")}.invalid/`,
      // A lock file is never written: where the function imports what is not in it, its module does not load.
      ...resolutionFlags(options.resolution ?? {}),
      ...permissionFlags(definition.permissions, options.socket, options.links),
      // Otherwise a package that only reads a variable would end.
      ...(definition.strictEnv || definition.permissions.env === true ? [] : ["--ignore-env"]),
      options.entry,
    ],
    clearEnv: true,
    env: {
      ...sandboxEnv(definition.permissions.env, env),
      ...tracingVariables(definition.name, env),
      ...brokerEnv(options.permissionBroker),
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** Deno's flags for the permissions of the config, the socket to the runner, and modules that are links. */
export function permissionFlags(
  permissions: FunctionDefinition["permissions"],
  socket: string,
  links: readonly string[] = [],
): string[] {
  const needed: Record<string, string[]> = { net: [`unix:${socket}`], read: [socket, ...links], write: [socket] };
  const flags: string[] = [];
  for (const name of ["net", "env", "read", "write", "run", "sys", "ffi"] as const) {
    const asked = permissions[name];
    if (asked === true) flags.push(`--allow-${name}`);
    else {
      const list = [...(needed[name] ?? []), ...(asked || [])];
      if (list.length > 0) flags.push(`--allow-${name}=${list.join(",")}`);
    }
  }
  return flags;
}

function sandboxEnv(asked: boolean | string[] | undefined, env: Record<string, string>): Record<string, string> {
  const names = asked === true ? Object.keys(env) : (asked || []).flatMap((name) => matching(name, env));
  const given: Record<string, string> = { NO_COLOR: "1", ...Array.isArray(asked) ? secretFiles(asked, env) : {} };
  for (const name of [...DENO_NEEDS, ...names]) {
    if (env[name] !== undefined && !isSecretVariable(name)) given[name] = env[name];
  }
  return given;
}

function brokerEnv(path: string | undefined): Record<string, string> {
  return path === undefined ? {} : { [BROKER_VARIABLE]: path };
}

/** `SMTP_*` means every variable with that prefix. */
function matching(name: string, env: Record<string, string>): string[] {
  return name.endsWith("*") ? Object.keys(env).filter((each) => each.startsWith(name.slice(0, -1))) : [name];
}
