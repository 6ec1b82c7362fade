import { byteSize, flag, leaf, optional, type Values } from "./config_key.ts";

/** How a function is reached over HTTP, beside `POST /functions/:name`. */
export interface HttpEndpoint {
  /** Undefined: no path of its own. */
  readonly path: string | undefined;
  readonly methods: readonly string[];
  /** Whether its own path needs no token. */
  readonly public: boolean;
  /** Request headers that become headers of the message, in lower case. */
  readonly headers: readonly string[];
  /** Origins whose pages may send requests; `*` is all of them. */
  readonly origins: readonly string[];
  /** Whether those who may publish there may follow its messages in the same way, if they know their ids. */
  readonly events: boolean;
  /** Bytes. 0: as large as the HTTP API accepts. */
  readonly maxBody: number;
}

/** The first segments of paths that belong to the HTTP API. */
const RESERVED = new Set([
  "",
  "assets",
  "console",
  "functions",
  "healthz",
  "jobs",
  "logs",
  "messages",
  "metrics",
  "openapi.json",
  "queues",
  "readyz",
  "runners",
  "runs",
  "scale",
  "status",
  "ws",
]);

/** Whether a path of a request belongs to the HTTP API, and not to a function. */
export function isReserved(path: string): boolean {
  return RESERVED.has(path.split("/", 2)[1] ?? "");
}

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];
const HEADER = /^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/i;
const MB = 1024 * 1024;
/** What has a meaning between the client and the server alone, or is a secret of the API. */
const NOT_PASSED = new Set(["authorization", "connection", "content-length", "cookie", "host", "transfer-encoding"]);

const KEYS = {
  path: leaf<string | undefined>({
    text: "A path of its own, as in /hooks/stripe.",
    default: undefined,
    expected: `a path as in "/hooks/stripe", without a query, that does not begin with ${
      [...RESERVED].filter(Boolean).map((name) => `/${name}`).join(", ")
    }`,
    accept: (value) => typeof value === "string" && /^(\/[\w.~-]+)+$/.test(value) && !isReserved(value),
  }),
  methods: leaf<string[]>({
    text: "The methods of the path.",
    default: ["POST"],
    expected: `a list of ${METHODS.join(", ")}`,
    accept: (value) => isListOf(value, (method) => METHODS.includes(method)) && (value as string[]).length > 0,
  }),
  public: flag("Whether requests to the path need no token. The function must then check who sent them.", false),
  headers: leaf<string[]>({
    text: "Request headers that become headers of the message.",
    default: [],
    expected: `a list of names of headers, without ${[...NOT_PASSED].join(", ")}`,
    accept: (value) => isListOf(value, (name) => HEADER.test(name) && !NOT_PASSED.has(name.toLowerCase())),
  }),
  origins: leaf<string[]>({
    text: "Origins whose pages may send requests (CORS).",
    default: [],
    expected: 'a list of origins, as in ["https://shop.example.com"], or ["*"]',
    accept: (value) => isListOf(value, (origin) => origin === "*" || isOrigin(origin)),
  }),
  events: flag("Whether pages and callers without a token may follow its messages, too, by their ids.", false),
  maxBody: byteSize("The largest body. Default: MAX_BODY.", 0, { min: 1, max: 1024 * MB }),
};

const TABLE = optional("How the function is reached over HTTP.", KEYS);

/** The key `http` of a function's config. */
export const HTTP_KEY = {
  ...TABLE,
  read(value: unknown, key: string, problems: string[]): HttpEndpoint | undefined {
    const read: Values<typeof KEYS> | undefined = TABLE.read(value, key, problems);
    if (!read) return undefined;
    if (read.public && read.path === undefined) problems.push(`${key}.public is true, and ${key}.path is missing`);
    return { ...read, headers: read.headers.map((name) => name.toLowerCase()) };
  },
};

function isListOf(value: unknown, accept: (item: string) => boolean): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string" && accept(item));
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}
