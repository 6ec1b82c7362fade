import { X509Certificate } from "node:crypto";
import { parseByteSize } from "../base/byte_size.ts";
import { parseCeiling, type Permissions } from "./ceiling.ts";
import { parseDuration } from "../base/time/duration.ts";
import { describeError } from "../base/errors.ts";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "../base/log.ts";
import { type OnceAddress, parseOnceAddress } from "./once_address.ts";
import { QUEUE_TYPES, type QueueType } from "./queue_type.ts";
import { readHost, readSecretUrl } from "../base/secret_url.ts";

/** What becomes of the place of a broker where there is no AMQP_URL. */
export const BROKER_MODES = ["auto", "embedded", "none"] as const;
export type BrokerMode = typeof BROKER_MODES[number];

/** Everything that the runner can be told. */
export interface Options {
  /** Tried in turn. Undefined where there is none: then `broker` says which is used. */
  amqpUrl: string[] | undefined;
  broker: BrokerMode;
  brokerHost: string;
  /** 0 is any. */
  brokerPort: number;
  /** 0 is any. */
  brokerWsPort: number;
  /** Somebody chose the port: that it is taken is an error. */
  brokerWsPortAsked: boolean;
  /** Passwords by names; empty is guest with guest, from this machine alone. */
  brokerUsers: Record<string, string>;
  /** Bytes. */
  brokerMemory: number;
  /** Bytes. */
  brokerDiskFree: number;
  /** The folder with the embedded broker's data. */
  data: string;
  vhost: string;
  /** PEM. */
  ca: string | undefined;
  /** Milliseconds; 0 is off. */
  heartbeat: number;
  name: string;
  /** What functions' queues are that name no type; undefined is what the broker says. */
  queueType: QueueType | undefined;
  functionsDir: string;
  watch: boolean;
  host: string;
  port: number;
  /** Somebody chose the port: it does not move. */
  portAsked: boolean;
  apiToken: string | undefined;
  /** Whether every module is loaded at the start, and one that does not load makes the runner not ready. */
  strictReady: boolean;
  /** Bytes. */
  maxBody: number;
  /** What no function's permissions may exceed; undefined is no bound. */
  permissionsCeiling: Permissions | undefined;
  /** Whether what functions import may be downloaded. */
  download: boolean;
  /** Where it is kept which effects have run; undefined is SQLite in the data folder. */
  onceStore: OnceAddress | undefined;
  /** Milliseconds. */
  onceKeep: number;
  /** Milliseconds. */
  drainTimeout: number;
  logLevel: LogLevel;
  logFormat: LogFormat | undefined;
}

type Asked = "portAsked" | "brokerWsPortAsked";
type Key = Exclude<keyof Options, Asked>;

/** One row of the table. */
export interface OptionSpec {
  key: Key;
  flag: string;
  env: string;
  /** As it would be typed; undefined where there is none. */
  default: string | undefined;
  text: string;
  /** Reads what was typed; throws what is wrong with it. */
  read(text: string): unknown;
  /** Also read from the file that `<env>_FILE` names, never shown, and in the environment of no function. */
  secret?: boolean;
  /** True as a bare flag, `--watch`, and false as `--no-watch`. */
  boolean?: boolean;
  /** Where it is kept whether somebody chose it. */
  asked?: Asked;
}

/** Each option, once: validation, help and docs/configuration.md come from here. */
export const OPTIONS: readonly OptionSpec[] = [
  {
    key: "amqpUrl",
    flag: "amqp-url",
    env: "AMQP_URL",
    default: undefined,
    text:
      "The broker: amqp, amqps, ws or wss. Several, separated by commas, are tried in turn. Without it: see --broker.",
    read: brokerUrls,
    secret: true,
  },
  {
    key: "broker",
    flag: "broker",
    env: "BROKER",
    default: "auto",
    text:
      "Without AMQP_URL: auto joins the broker at BROKER_PORT or starts one, embedded joins none but Warren's, none " +
      "starts none.",
    read: (text) => oneOf(BROKER_MODES, text),
  },
  {
    key: "brokerHost",
    flag: "broker-host",
    env: "BROKER_HOST",
    default: "127.0.0.1",
    text: "Where the embedded broker listens. Anywhere but on loopback it needs BROKER_USERS.",
    read: readHost,
  },
  {
    key: "brokerPort",
    flag: "broker-port",
    env: "BROKER_PORT",
    default: "5672",
    text: "The embedded broker's port for AMQP; 0 is any, and then no other runner finds it.",
    read: port,
  },
  {
    key: "brokerWsPort",
    flag: "broker-ws-port",
    env: "BROKER_WS_PORT",
    default: undefined,
    text:
      "The embedded broker's port for AMQP over WebSocket; 0 is any. By default the one after BROKER_PORT, if it is free.",
    read: port,
    asked: "brokerWsPortAsked",
  },
  {
    key: "brokerUsers",
    flag: "broker-users",
    env: "BROKER_USERS",
    default: undefined,
    text:
      "Who may use the embedded broker: name:password, separated by commas. By default guest:guest, from this machine.",
    read: brokerUsers,
    secret: true,
  },
  {
    key: "brokerMemory",
    flag: "broker-memory",
    env: "BROKER_MEMORY",
    default: "512MB",
    text: "The embedded broker's memory; above it publishers wait.",
    read: parseByteSize,
  },
  {
    key: "brokerDiskFree",
    flag: "broker-disk-free",
    env: "BROKER_DISK_FREE",
    default: "50MB",
    text: "What the embedded broker leaves free on its disk; below it publishers wait.",
    read: parseByteSize,
  },
  {
    key: "data",
    flag: "data",
    env: "WARREN_DATA",
    default: ".warren",
    text: "The folder with the embedded broker's data, and the keys of context.once().",
    read: (text) => text,
  },
  {
    key: "vhost",
    flag: "amqp-vhost",
    env: "AMQP_VHOST",
    default: "/",
    text: "The vhost for ws and wss, whose path is the endpoint. In amqp and amqps it is the URL's path.",
    read: (text) => text,
  },
  {
    key: "ca",
    flag: "amqp-ca",
    env: "AMQP_CA",
    default: undefined,
    text: "A PEM file with the authority that signed the broker's certificate.",
    read: certificates,
  },
  {
    key: "heartbeat",
    flag: "amqp-heartbeat",
    env: "AMQP_HEARTBEAT",
    default: "20s",
    text: "How often the connection is proved alive; 0 turns it off.",
    read: parseDuration,
  },
  {
    key: "name",
    flag: "name",
    env: "CONNECTION_NAME",
    default: "warren",
    text: "What the broker's own tools call the connections.",
    read: (text) => text,
  },
  {
    key: "queueType",
    flag: "queue-type",
    env: "QUEUE_TYPE",
    default: undefined,
    text:
      "What functions' queues are: classic or quorum. On a cluster choose quorum. By default what the broker makes of a " +
      "queue that names no type. A function's own queue.type wins.",
    read: (text) => oneOf(QUEUE_TYPES, text),
  },
  {
    key: "functionsDir",
    flag: "functions-dir",
    env: "FUNCTIONS_DIR",
    default: "./functions",
    text: "The folder with the functions.",
    read: (text) => text,
  },
  {
    key: "watch",
    flag: "watch",
    env: "WATCH",
    default: "true",
    text: "Whether functions come, change and go while it runs.",
    read: boolean,
    boolean: true,
  },
  {
    key: "host",
    flag: "host",
    env: "HOST",
    default: "127.0.0.1",
    text: "Where the HTTP API listens. Anywhere but on loopback it needs API_TOKEN.",
    read: readHost,
  },
  {
    key: "port",
    flag: "port",
    env: "PORT",
    default: "8000",
    text: "The HTTP API's port. Where none is asked for, the next free one is used; 0 is any.",
    read: port,
    asked: "portAsked",
  },
  {
    key: "apiToken",
    flag: "api-token",
    env: "API_TOKEN",
    default: undefined,
    text: "The bearer token for all of the HTTP API but the health routes.",
    read: token,
    secret: true,
  },
  {
    key: "strictReady",
    flag: "strict-ready",
    env: "STRICT_READY",
    default: "false",
    text: "Whether every module is loaded at the start, and /readyz is 503 until then and while a function is broken.",
    read: boolean,
    boolean: true,
  },
  {
    key: "maxBody",
    flag: "max-body",
    env: "MAX_BODY",
    default: "16MB",
    text: "The largest body that the HTTP API takes.",
    read: parseByteSize,
  },
  {
    key: "permissionsCeiling",
    flag: "permissions-ceiling",
    env: "PERMISSIONS_CEILING",
    default: undefined,
    text:
      "What no function's permissions may exceed, as in net=api.example.com,db:5432;env=KEY;read=./data, or none. A function " +
      "that asks for more is not bound.",
    read: parseCeiling,
  },
  {
    key: "download",
    flag: "download",
    env: "DOWNLOAD",
    default: "true",
    text: "Whether packages that functions import are fetched when they are not in Deno's cache.",
    read: boolean,
    boolean: true,
  },
  {
    key: "onceStore",
    flag: "once-store",
    env: "ONCE_STORE",
    default: undefined,
    text:
      "Where it is kept which effects of context.once() have run: sqlite:PATH, redis://… or rediss://…, or a module. By " +
      "default once.db in the data folder.",
    read: parseOnceAddress,
    secret: true,
  },
  {
    key: "onceKeep",
    flag: "once-keep",
    env: "ONCE_KEEP",
    default: "7d",
    text: "How long it is remembered that an effect has run.",
    read: onceKeep,
  },
  {
    key: "drainTimeout",
    flag: "drain-timeout",
    env: "DRAIN_TIMEOUT",
    default: "25s",
    text: "How long running handlers have to finish when it stops.",
    read: parseDuration,
  },
  {
    key: "logLevel",
    flag: "log-level",
    env: "LOG_LEVEL",
    default: "info",
    text: `What is logged: ${LOG_LEVELS.join(", ")}.`,
    read: (text) => oneOf(LOG_LEVELS, text),
  },
  {
    key: "logFormat",
    flag: "log-format",
    env: "LOG_FORMAT",
    default: undefined,
    text: "text or json. By default text on a terminal and json elsewhere.",
    read: (text) => oneOf(LOG_FORMATS, text),
  },
];

const SECRETS = new Set(OPTIONS.filter(({ secret }) => secret).flatMap(({ env }) => [env, `${env}_FILE`]));

/** Whether an environment variable is one of the runner's own secrets, or names a file with one. */
export function isSecretVariable(name: string): boolean {
  return SECRETS.has(name);
}

/** Milliseconds; a Redis takes no number that is beyond all bounds. */
const MAX_KEEP = 3_650 * 86_400_000;
const BROKER_URL = { schemes: ["amqp:", "amqps:", "ws:", "wss:"], example: "amqp://user:password@host:5672/vhost" };

/** The password is in here: what is wrong with a URL is said without quoting it. */
function brokerUrls(text: string): string[] {
  const urls = text.split(",").map((url) => url.trim()).filter((url) => url !== "");
  if (urls.length === 0) throw new Error(`expected a URL, as in ${BROKER_URL.example}`);
  for (const [index, url] of urls.entries()) {
    readSecretUrl(url, urls.length > 1 ? `URL ${index + 1}` : "the URL", BROKER_URL);
  }
  return urls;
}

/** What a bearer token can be in a header; what is wrong with it is said without quoting it. */
function token(text: string): string {
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  throw new Error("expected visible ASCII characters without spaces");
}

/** The text of a file with certificates, every one of which can be read. */
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

/** Passwords are in here: what is wrong is said without quoting it. */
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

/** A key that is forgotten sooner than its message is retried would be none. */
function onceKeep(text: string): number {
  const keep = parseDuration(text);
  if (keep >= 60_000 && keep <= MAX_KEEP) return keep;
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
