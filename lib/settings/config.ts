import { describeError, WarrenError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { OPTIONS, type Options, type OptionSpec } from "./options.ts";

export { VERSION } from "./own_package.ts";

/** A flag of one command. */
export interface CommandFlag {
  flag: string;
  /** Placeholder for its value in the help. Undefined if the flag takes no value. */
  value?: string;
  text: string;
  repeated?: boolean;
}

/** The parsed command line. */
export interface Arguments {
  options: Options;
  positional: string[];
  /** The command's own flags with all their values. */
  flags: Map<string, string[]>;
}

/**
 * Flags override the environment, and both override the defaults.
 *
 * @throws {WarrenError} `config`, with the flag or variable and its value
 */
export function parseArguments(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  commandFlags: readonly CommandFlag[] = [],
): Arguments {
  const { typed, positional, flags } = splitArguments(args, commandFlags);
  const options: Record<string, unknown> = {};
  for (const spec of OPTIONS) {
    const flag = typed.get(spec.flag);
    const given = flag ?? fromEnvironment(spec, env);
    const text = given ?? spec.default;
    const where = flag !== undefined ? `--${spec.flag}` : env[spec.env] ? spec.env : `${spec.env}_FILE`;
    options[spec.key] = text === undefined ? undefined : readOption(spec, where, text);
    if (spec.asked) options[spec.asked] = given !== undefined;
  }
  assertTokens(options as Partial<Options>);
  if (options.learnPermissions && options.permissionsCeiling) throw unlimited("LEARN_PERMISSIONS");
  options.brokerUsers ??= {};
  options.brokerWsPort ??= portAfter(options.brokerPort as number);
  return { options: options as unknown as Options, positional, flags };
}

/** The error for what grants every permission where a ceiling is set. */
export function unlimited(what: string): WarrenError {
  return new WarrenError(
    "config",
    `${what} grants every permission, and PERMISSIONS_CEILING is set: remove one of them`,
  );
}

function assertTokens({ apiToken, apiReadToken }: Partial<Options>): void {
  if (apiReadToken === undefined) return;
  if (apiToken === undefined) {
    throw new WarrenError("config", "API_READ_TOKEN is set and API_TOKEN is not: set both, or everybody could write");
  }
  if (apiToken === apiReadToken) {
    throw new WarrenError("config", "API_READ_TOKEN is the same as API_TOKEN: it could write; set another");
  }
}

/** The name by which this machine reaches what listens at `host`. */
export function localName(host: string): string {
  return host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
}

/** A host as it is written in a URL: IPv6 in brackets. */
export function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/**
 * The URL of this machine's broker, used without AMQP_URL: with the first of BROKER_USERS, or guest.
 *
 * @throws {WarrenError} `config` if the port is 0, so that the broker cannot be found
 */
export function localBrokerUrl(options: Options, port = options.brokerPort): string {
  if (port === 0) {
    throw new WarrenError("config", "BROKER_PORT is 0, which is no broker's port; name one, or set AMQP_URL");
  }
  const [name, password] = Object.entries(options.brokerUsers)[0] ?? ["guest", "guest"];
  const host = urlHost(localName(options.brokerHost));
  return `amqp://${encodeURIComponent(name)}:${encodeURIComponent(password)}@${host}:${port}`;
}

/** Where the management API is, which virtual host is meant, and who asks; undefined without MANAGEMENT_URL. */
export function managementOptions(
  { managementUrl, amqpUrl, vhost }: Pick<Options, "managementUrl" | "amqpUrl" | "vhost">,
): { url: string; vhost: string; login: { user: string; password: string } | undefined } | undefined {
  if (managementUrl === undefined) return undefined;
  const first = amqpUrl?.[0];
  if (first === undefined) return { url: managementUrl, vhost, login: undefined };
  const { protocol, username, password, pathname, searchParams } = new URL(first);
  const login = username ? { user: decodeURIComponent(username), password: decodeURIComponent(password) } : undefined;
  const overWebSocket = protocol === "ws:" || protocol === "wss:";
  const own = overWebSocket ? searchParams.get("vhost") ?? vhost : decodeURIComponent(pathname.slice(1)) || "/";
  return { url: managementUrl, vhost: own, login };
}

function splitArguments(args: readonly string[], commandFlags: readonly CommandFlag[]) {
  const typed = new Map<string, string>();
  const flags = new Map<string, string[]>();
  const positional: string[] = [];
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") {
      positional.push(...rest.splice(0));
      break;
    }
    if (!arg.startsWith("--")) {
      positional.push(arg);
      continue;
    }
    const equals = arg.indexOf("=");
    const name = arg.slice(2, equals < 0 ? undefined : equals);
    const value = () => {
      const found = equals < 0 ? rest.shift() : arg.slice(equals + 1);
      if (found === undefined) throw new WarrenError("config", `--${name} needs a value`);
      return found;
    };
    const none = () => {
      if (equals >= 0) throw new WarrenError("config", `--${name} takes no value`);
      return "true";
    };
    const own = commandFlags.find(({ flag }) => flag === name);
    const spec = OPTIONS.find(({ flag }) => flag === name);
    const negated = OPTIONS.find(({ flag, boolean }) => boolean && `no-${flag}` === name);
    if (own) flags.set(name, [...(flags.get(name) ?? []), own.value ? value() : none()]);
    else if (spec?.repeated) typed.set(name, [typed.get(name) ?? [], value()].flat().join(","));
    else if (spec) typed.set(name, spec.boolean && equals < 0 ? "true" : value());
    else if (negated) typed.set(negated.flag, none() && "false");
    else throw unknownFlag(name, commandFlags);
  }
  return { typed, positional, flags };
}

function unknownFlag(name: string, commandFlags: readonly CommandFlag[]): WarrenError {
  const negations = OPTIONS.flatMap(({ flag, boolean }) => boolean ? [`no-${flag}`] : []);
  const known = [...OPTIONS.map(({ flag }) => flag), ...commandFlags.map(({ flag }) => flag), ...negations, "version"];
  const near = nearest(name, known);
  return new WarrenError(
    "config",
    `unknown flag --${name}; ${near ? `did you mean --${near}?` : "--help lists all flags"}`,
  );
}

function fromEnvironment({ env: name, secret }: OptionSpec, env: Readonly<Record<string, string>>): string | undefined {
  const value = env[name] || undefined; // compose files set unwanted variables to nothing
  const file = secret ? env[`${name}_FILE`] || undefined : undefined;
  if (file === undefined) return value;
  if (value !== undefined) throw new WarrenError("config", `both ${name} and ${name}_FILE are set; keep one of them`);
  try {
    return Deno.readTextFileSync(file).replace(/\r?\n$/, "");
  } catch (cause) {
    const why = describeError(cause);
    throw new WarrenError("config", `${name}_FILE names "${file}", which cannot be read: ${why}`, { cause });
  }
}

function readOption(spec: OptionSpec, where: string, text: string): unknown {
  try {
    return spec.read(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new WarrenError("config", `${where}: ${message}`);
  }
}

/** The port after this one. 0 (any free port) if there is none. */
function portAfter(port: number): number {
  return port === 0 || port === 65_535 ? 0 : port + 1;
}
