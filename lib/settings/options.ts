import { TRACING_SECRETS } from "../base/tracing_secrets.ts";
import { X509Certificate } from "node:crypto";
import { parseByteSize } from "../base/byte_size.ts";
import { parseCeiling, type Permissions } from "./ceiling.ts";
import { parseDuration } from "../base/time/duration.ts";
import { describeError } from "../base/errors.ts";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "../base/log.ts";
import { type OnceAddress, parseOnceAddress } from "./once_address.ts";
import { QUEUE_TYPES, type QueueType } from "./queue_type.ts";
import { readHost, readSecretUrl } from "../base/secret_url.ts";

/** What to do about a broker without AMQP_URL. */
export const BROKER_MODES = ["auto", "embedded", "none"] as const;
export type BrokerMode = typeof BROKER_MODES[number];

/** Which invocations that completed are logged: `sample` is one a second of each function. */
export const LOG_COMPLETED = ["none", "sample", "all"] as const;
export type LogCompleted = typeof LOG_COMPLETED[number];

/** All settings of the runner. */
export interface Options {
  /** Tried in order. If undefined, `broker` decides which broker is used. */
  amqpUrl: string[] | undefined;
  broker: BrokerMode;
  brokerHost: string;
  /** 0 means any free port. */
  brokerPort: number;
  /** 0 means any free port. */
  brokerWsPort: number;
  /** The user set the port, so it is an error if it is taken. */
  brokerWsPortAsked: boolean;
  /** Passwords by user name. Empty means guest with the password guest, from this machine only. */
  brokerUsers: Record<string, string>;
  /** Bytes. */
  brokerMemory: number;
  /** Bytes. */
  brokerDiskFree: number;
  /** Folder for the embedded broker's data, the keys of `context.once()` and the records of runs. */
  data: string;
  vhost: string;
  /** The broker's management API. */
  managementUrl: string | undefined;
  /** PEM. */
  ca: string | undefined;
  /** Milliseconds. 0 turns heartbeats off. */
  heartbeat: number;
  name: string;
  /** Type of functions' queues whose config names none. If undefined, the broker decides. */
  queueType: QueueType | undefined;
  functionsDir: string;
  watch: boolean;
  host: string;
  port: number;
  /** The user set the port, so no other port is used. */
  portAsked: boolean;
  apiToken: string | undefined;
  apiReadToken: string | undefined;
  /** Load every module at the start. The runner is not ready while a function is broken. */
  strictReady: boolean;
  /** Bytes. */
  maxBody: number;
  /** Limits the permissions of all functions. Undefined means no limit. */
  permissionsCeiling: Permissions | undefined;
  /** Grant every permission to every function, and log which ones each of them needs. */
  learnPermissions: boolean;
  /** Whether packages that functions import may be downloaded. */
  download: boolean;
  /** The project's lock file must have everything, and its .env is not read. */
  production: boolean;
  /** Files with environment variables. Undefined means .env beside the project's deno.json, if it is there. */
  envFile: string[] | undefined;
  /** A folder whose code functions may import. Undefined means the project's. */
  codeRoot: string | undefined;
  /** Store for the keys of `context.once()`. Undefined means SQLite in the data folder. */
  onceStore: OnceAddress | undefined;
  /** Milliseconds. */
  onceKeep: number;
  /** Milliseconds. */
  drainTimeout: number;
  /** How many runs are recorded. 0 turns records off. */
  runsKeep: number;
  /** Milliseconds that a run is recorded. */
  runsAge: number;
  /** Whether records have the bodies of messages. */
  runsBodies: boolean;
  /** How many functions have metrics of their own. 0 turns metrics off. */
  metricsFunctions: number;
  logLevel: LogLevel;
  logCompleted: LogCompleted;
  logFormat: LogFormat | undefined;
}

type Asked = "portAsked" | "brokerWsPortAsked";
type Key = Exclude<keyof Options, Asked>;

/** One row of the table. */
export interface OptionSpec {
  key: Key;
  flag: string;
  env: string;
  /** As a user would type it. Undefined if there is no default. */
  default: string | undefined;
  text: string;
  /** Parses the value. Throws an error that says what is wrong. */
  read(text: string): unknown;
  /** Also read from the file that `<env>_FILE` names. Never shown, and never passed to a function. */
  secret?: boolean;
  /** A flag without a value: `--watch` is true, `--no-watch` is false. */
  boolean?: boolean;
  /** The flag may be there several times: the values are read as one, with commas between them. */
  repeated?: boolean;
  /** The field that records whether the user set the option. */
  asked?: Asked;
}

/** All options. Validation, help and docs/configuration.md come from this table. */
export const OPTIONS: readonly OptionSpec[] = [
  {
    key: "amqpUrl",
    flag: "amqp-url",
    env: "AMQP_URL",
    default: undefined,
    text:
      "Broker URL: amqp, amqps, ws or wss. Several URLs, separated by commas, are tried in order. If not set: see --broker.",
    read: brokerUrls,
    secret: true,
  },
  {
    key: "broker",
    flag: "broker",
    env: "BROKER",
    default: "auto",
    text:
      "What to do without AMQP_URL. auto: join the broker at BROKER_PORT, or start one. embedded: the same, but join only " +
      "Warren's own broker. none: start no broker.",
    read: (text) => oneOf(BROKER_MODES, text),
  },
  {
    key: "brokerHost",
    flag: "broker-host",
    env: "BROKER_HOST",
    default: "127.0.0.1",
    text: "Address of the embedded broker. Any address but loopback requires BROKER_USERS.",
    read: readHost,
  },
  {
    key: "brokerPort",
    flag: "broker-port",
    env: "BROKER_PORT",
    default: "5672",
    text: "AMQP port of the embedded broker. 0 means any free port; other runners then cannot find the broker.",
    read: port,
  },
  {
    key: "brokerWsPort",
    flag: "broker-ws-port",
    env: "BROKER_WS_PORT",
    default: undefined,
    text:
      "WebSocket port of the embedded broker. 0 means any free port. Default: the port after BROKER_PORT, if it is free.",
    read: port,
    asked: "brokerWsPortAsked",
  },
  {
    key: "brokerUsers",
    flag: "broker-users",
    env: "BROKER_USERS",
    default: undefined,
    text:
      "Users of the embedded broker: name:password, separated by commas. Default: guest:guest, from this machine only.",
    read: brokerUsers,
    secret: true,
  },
  {
    key: "brokerMemory",
    flag: "broker-memory",
    env: "BROKER_MEMORY",
    default: "512MB",
    text: "Memory limit of the embedded broker. Above 80 % of it, publishers wait.",
    read: parseByteSize,
  },
  {
    key: "brokerDiskFree",
    flag: "broker-disk-free",
    env: "BROKER_DISK_FREE",
    default: "50MB",
    text: "Disk space that the embedded broker keeps free. Below it, publishers wait.",
    read: parseByteSize,
  },
  {
    key: "data",
    flag: "data",
    env: "WARREN_DATA",
    default: ".warren",
    text: "Folder for the embedded broker's data, the keys of context.once() and the records of runs.",
    read: (text) => text,
  },
  {
    key: "vhost",
    flag: "amqp-vhost",
    env: "AMQP_VHOST",
    default: "/",
    text:
      "Vhost for ws and wss, where the URL's path is the endpoint. With amqp and amqps the URL's path is the vhost.",
    read: (text) => text,
  },
  {
    key: "managementUrl",
    flag: "management-url",
    env: "MANAGEMENT_URL",
    default: undefined,
    text:
      "Management API of RabbitMQ or LavinMQ, as in http://user:password@host:15672. It tells what consumers have and how " +
      "old the oldest message is. Default user: that of AMQP_URL.",
    read: managementUrl,
    secret: true,
  },
  {
    key: "ca",
    flag: "amqp-ca",
    env: "AMQP_CA",
    default: undefined,
    text: "PEM file with the authority that signed the broker's certificate.",
    read: certificates,
  },
  {
    key: "heartbeat",
    flag: "amqp-heartbeat",
    env: "AMQP_HEARTBEAT",
    default: "20s",
    text: "Heartbeat interval. 0 turns heartbeats off.",
    read: parseDuration,
  },
  {
    key: "name",
    flag: "name",
    env: "CONNECTION_NAME",
    default: "warren",
    text: "Name of the connections in the broker's own tools.",
    read: (text) => text,
  },
  {
    key: "queueType",
    flag: "queue-type",
    env: "QUEUE_TYPE",
    default: undefined,
    text:
      "Type of functions' queues: classic or quorum. Choose quorum on a cluster. Default: the broker decides. A function's " +
      "own queue.type takes precedence.",
    read: (text) => oneOf(QUEUE_TYPES, text),
  },
  {
    key: "functionsDir",
    flag: "functions-dir",
    env: "FUNCTIONS_DIR",
    default: "./functions",
    text: "Folder with the functions.",
    read: (text) => text,
  },
  {
    key: "watch",
    flag: "watch",
    env: "WATCH",
    default: "true",
    text: "Load, reload and remove functions while the runner runs.",
    read: boolean,
    boolean: true,
  },
  {
    key: "host",
    flag: "host",
    env: "HOST",
    default: "127.0.0.1",
    text: "Address of the HTTP API. Any address but loopback requires API_TOKEN.",
    read: readHost,
  },
  {
    key: "port",
    flag: "port",
    env: "PORT",
    default: "8000",
    text: "Port of the HTTP API. 0 means any free port. If not set and 8000 is taken, the next free port is used.",
    read: port,
    asked: "portAsked",
  },
  {
    key: "apiToken",
    flag: "api-token",
    env: "API_TOKEN",
    default: undefined,
    text: "Bearer token for all routes of the HTTP API except the health routes.",
    read: token,
    secret: true,
  },
  {
    key: "apiReadToken",
    flag: "api-read-token",
    env: "API_READ_TOKEN",
    default: undefined,
    text: "A second bearer token, which may only read. Requires API_TOKEN.",
    read: token,
    secret: true,
  },
  {
    key: "strictReady",
    flag: "strict-ready",
    env: "STRICT_READY",
    default: "false",
    text: "Load every module at the start. /readyz is 503 until all are loaded, and while a function is broken.",
    read: boolean,
    boolean: true,
  },
  {
    key: "maxBody",
    flag: "max-body",
    env: "MAX_BODY",
    default: "16MB",
    text: "Largest body that the HTTP API accepts.",
    read: parseByteSize,
  },
  {
    key: "permissionsCeiling",
    flag: "permissions-ceiling",
    env: "PERMISSIONS_CEILING",
    default: undefined,
    text:
      "Limits the permissions of all functions, as in net=api.example.com,db:5432;env=KEY;read=./data, or none. A function " +
      "that asks for more is not bound.",
    read: parseCeiling,
  },
  {
    key: "learnPermissions",
    flag: "learn-permissions",
    env: "LEARN_PERMISSIONS",
    default: "false",
    text: "Grant every permission to every function, and log which ones each needs. For development only.",
    read: boolean,
    boolean: true,
  },
  {
    key: "download",
    flag: "download",
    env: "DOWNLOAD",
    default: "true",
    text: "Download packages that functions import and that are not in Deno's cache.",
    read: boolean,
    boolean: true,
  },
  {
    key: "production",
    flag: "production",
    env: "PRODUCTION",
    default: "false",
    text: "Do not read .env, and break functions whose imports are not in the project's deno.lock.",
    read: boolean,
    boolean: true,
  },
  {
    key: "envFile",
    flag: "env-file",
    env: "ENV_FILE",
    default: undefined,
    text:
      "Files with environment variables, separated by commas. The last one takes precedence, and variables that are " +
      "already set over all. Default: .env beside the project's deno.json.",
    read: paths,
    repeated: true,
  },
  {
    key: "codeRoot",
    flag: "code-root",
    env: "CODE_ROOT",
    default: undefined,
    text:
      "Folder whose code functions may import, as in a monorepo. Default: that of the nearest deno.json or package.json.",
    read: (text) => text,
  },
  {
    key: "onceStore",
    flag: "once-store",
    env: "ONCE_STORE",
    default: undefined,
    text:
      "Store for the keys of context.once(): sqlite:PATH, redis://…, rediss://… or a module. Default: once.db in the data " +
      "folder.",
    read: parseOnceAddress,
    secret: true,
  },
  {
    key: "onceKeep",
    flag: "once-keep",
    env: "ONCE_KEEP",
    default: "7d",
    text: "How long the keys of context.once() are kept.",
    read: onceKeep,
  },
  {
    key: "drainTimeout",
    flag: "drain-timeout",
    env: "DRAIN_TIMEOUT",
    default: "25s",
    text: "How long running handlers have to finish when the runner stops.",
    read: parseDuration,
  },
  {
    key: "runsKeep",
    flag: "runs-keep",
    env: "RUNS_KEEP",
    default: "100000",
    text: "How many runs this runner records in the data folder. The oldest are deleted first. 0 turns records off.",
    read: count,
  },
  {
    key: "runsAge",
    flag: "runs-age",
    env: "RUNS_AGE",
    default: "7d",
    text: "How long a run is recorded.",
    read: runsAge,
  },
  {
    key: "runsBodies",
    flag: "runs-bodies",
    env: "RUNS_BODIES",
    default: "false",
    text: "Record the first 16 KB of each message's body as well.",
    read: boolean,
    boolean: true,
  },
  {
    key: "metricsFunctions",
    flag: "metrics-functions",
    env: "METRICS_FUNCTIONS",
    default: "500",
    text:
      "How many functions have metrics of their own. The others are counted together, as the function `other`. 0 turns " +
      "metrics off.",
    read: metricsFunctions,
  },
  {
    key: "logLevel",
    flag: "log-level",
    env: "LOG_LEVEL",
    default: "info",
    text: `Lowest level that is logged: ${LOG_LEVELS.join(", ")}.`,
    read: (text) => oneOf(LOG_LEVELS, text),
  },
  {
    key: "logCompleted",
    flag: "log-completed",
    env: "LOG_COMPLETED",
    default: "none",
    text:
      "Log a line with duration and attempt for each invocation that completed: none, sample (one a second of each " +
      "function) or all.",
    read: (text) => oneOf(LOG_COMPLETED, text),
  },
  {
    key: "logFormat",
    flag: "log-format",
    env: "LOG_FORMAT",
    default: undefined,
    text: "text or json. Default: text on a terminal, json elsewhere.",
    read: (text) => oneOf(LOG_FORMATS, text),
  },
];

const SECRETS = new Set(OPTIONS.filter(({ secret }) => secret).flatMap(({ env }) => [env, `${env}_FILE`]));

/** Whether an environment variable is one of the runner's own secrets, or names a file with one. */
export function isSecretVariable(name: string): boolean {
  return SECRETS.has(name) || TRACING_SECRETS.includes(name);
}

/** Milliseconds. Redis rejects very large numbers. */
const MAX_KEEP = 3_650 * 86_400_000;
const BROKER_URL = { schemes: ["amqp:", "amqps:", "ws:", "wss:"], example: "amqp://user:password@host:5672/vhost" };

/** A URL may contain a password, so errors do not quote it. */
function brokerUrls(text: string): string[] {
  const urls = text.split(",").map((url) => url.trim()).filter((url) => url !== "");
  if (urls.length === 0) throw new Error(`expected a URL, as in ${BROKER_URL.example}`);
  for (const [index, url] of urls.entries()) {
    readSecretUrl(url, urls.length > 1 ? `URL ${index + 1}` : "the URL", BROKER_URL);
  }
  return urls;
}

/** A URL may contain a password, so errors do not quote it. */
function managementUrl(text: string): string {
  const example = "http://user:password@host:15672";
  const url = readSecretUrl(text, "the URL", { schemes: ["http:", "https:"], example });
  if (url.search !== "") throw new Error(`the URL has a query; expected ${example}`);
  return text;
}

/** Accepts only what a header can carry as a bearer token. Errors do not quote the token. */
function token(text: string): string {
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  throw new Error("expected visible ASCII characters without spaces");
}

/** Returns the text of a PEM file, and checks that every certificate in it is valid. */
function certificates(path: string): string {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (cause) {
    throw new Error(`"${path}" cannot be read: ${describeError(cause)}`, { cause });
  }
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (found.length === 0) {
    throw new Error(`"${path}" holds no certificate; expected PEM, which begins with -----BEGIN CERTIFICATE-----`);
  }
  for (const [index, certificate] of found.entries()) {
    try {
      new X509Certificate(certificate);
    } catch {
      throw new Error(`certificate ${index + 1} of ${found.length} in "${path}" cannot be read`);
    }
  }
  return text;
}

/** The text contains passwords, so errors do not quote it. */
function brokerUsers(text: string): Record<string, string> {
  const users = text.split(",").map((user) => user.trim()).filter((user) => user !== "").map((user, index) => {
    const at = user.indexOf(":");
    if (at < 1 || at === user.length - 1) throw new Error(`user ${index + 1} is not name:password`);
    return [user.slice(0, at), user.slice(at + 1)];
  });
  if (users.length === 0) throw new Error("expected name:password,name:password");
  if (new Set(users.map(([name]) => name)).size < users.length) throw new Error("a name is there twice");
  return Object.fromEntries(users);
}

function paths(text: string): string[] {
  return text.split(",").map((path) => path.trim()).filter((path) => path !== "");
}

/** The minimum keeps keys from expiring before their message is retried. */
function onceKeep(text: string): number {
  const keep = parseDuration(text);
  if (keep >= 60_000 && keep <= MAX_KEEP) return keep;
  throw new Error(`expected from 1m to 3650d, found "${text}"`);
}

/** Ten million records are about ten gigabytes. */
function count(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 10_000_000) return value;
  throw new Error(`expected a number from 0 to 10000000, found "${text}"`);
}

/** A function has about 50 series, so ten thousand are half a million. */
function metricsFunctions(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 10_000) return value;
  throw new Error(`expected a number from 0 to 10000, found "${text}"`);
}

function runsAge(text: string): number {
  const age = parseDuration(text);
  if (age >= 60_000 && age <= MAX_KEEP) return age;
  throw new Error(`expected from 1m to 3650d, found "${text}"`);
}

function boolean(text: string): boolean {
  if (["true", "1", "yes", "on"].includes(text)) return true;
  if (["false", "0", "no", "off"].includes(text)) return false;
  throw new Error(`expected true or false, found "${text}"`);
}

function port(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65_535) throw new Error(`expected a port from 0 to 65535, found "${text}"`);
  return value;
}

function oneOf<T extends string>(words: readonly T[], text: string): T {
  if (words.includes(text as T)) return text as T;
  throw new Error(`expected ${words.join(", ")}, found "${text}"`);
}
