import { VERSION } from "../../settings/own_package.ts";
import { type Access, accessFor, needsNoToken } from "../guards/access.ts";
import type { FunctionView } from "../runner_view.ts";
import type { Answer, Operation, Parameter } from "./operation.ts";
import { problem } from "./operation.ts";
import { OPERATIONS } from "./operations/operations.ts";
import { publishing } from "./operations/functions.ts";
import { SCHEMAS } from "./schemas/schemas.ts";

/** A route as hono has it. */
export interface Route {
  readonly method: string;
  readonly path: string;
}

export interface DocumentOptions {
  /** Whether requests need a token. */
  readonly guarded: boolean;
}

type Json = Readonly<Record<string, unknown>>;
/** Who may ask: everybody, or who has at least that token. */
type Needed = Access | "nothing";

const DESCRIPTION = "What a runner of Warren knows and does. Errors are problem documents (RFC 9457).";
const SECURITY_SCHEMES = {
  write: { type: "http", scheme: "bearer", description: "API_TOKEN: opens every route." },
  read: { type: "http", scheme: "bearer", description: "API_READ_TOKEN: opens what changes nothing." },
};
const UNDESCRIBED: Operation = { tag: "other", summary: "Not described", answers: {} };
/** Pages for people, and their files. */
const PAGES = /^\/(|console|assets)(\/|$)/;

/** The OpenAPI document: of each route that the app has, and of each path that a function has of its own. */
export function openApiDocument(
  routes: readonly Route[],
  functions: readonly FunctionView[],
  options: DocumentOptions,
): Json {
  const paths: Record<string, Record<string, Json>> = {};
  const add = (method: string, path: string, operation: Operation, needed: Needed) => {
    const template = path.replace(/:(\w+)/g, "{$1}");
    paths[template] = { ...paths[template], [method.toLowerCase()]: operationObject(operation, needed, options) };
  };
  for (const { method, path } of describedRoutes(routes)) {
    const needed = needsNoToken(path) ? "nothing" : accessFor(method, path);
    add(method, path, OPERATIONS[`${method} ${path}`] ?? UNDESCRIBED, needed);
  }
  for (const { name, http } of functions) {
    if (http?.path === undefined) continue;
    for (const method of http.methods) add(method, http.path, publishing(name), http.public ? "nothing" : "write");
  }
  return {
    openapi: "3.1.0",
    info: { title: "Warren", version: VERSION, description: DESCRIPTION },
    servers: [{ url: "/" }],
    tags: [...new Set(Object.values(paths).flatMap(Object.values<Json>).flatMap(({ tags }) => tags))]
      .map((name) => ({ name })),
    paths,
    components: { schemas: SCHEMAS, securitySchemes: SECURITY_SCHEMES },
  };
}

/** The routes that the document has: each once, without middleware and without pages. */
export function describedRoutes(routes: readonly Route[]): Route[] {
  const found = new Map<string, Route>();
  for (const { method, path } of routes) {
    if (method === "ALL" || path.includes("*") || PAGES.test(path)) continue;
    found.set(`${method} ${path}`, { method, path });
  }
  return [...found.values()];
}

function operationObject(operation: Operation, needed: Needed, { guarded }: DocumentOptions): Json {
  const { tag, summary, description, parameters = [], body, answers } = operation;
  const responses = Object.entries({ ...answers, ...refusals(needed) }).map(([status, answer]) =>
    [status, responseObject(answer)] as const
  );
  return {
    tags: [tag],
    summary,
    description,
    security: securityOf(needed, guarded),
    ...(parameters.length > 0 ? { parameters: parameters.map(parameterObject) } : {}),
    ...(body ? { requestBody: { required: body.required, content: contentObject(body.content) } } : {}),
    responses: { ...Object.fromEntries(responses), default: responseObject(problem("Anything else that goes wrong.")) },
  };
}

/** The guards answer so on every route that they guard. */
function refusals(needed: Needed): Record<number, Answer> {
  if (needed === "nothing") return {};
  return {
    401: problem("The request has no token, or a wrong one."),
    403: problem(
      "The request comes from another site or under another host name" +
        (needed === "write" ? ", or has the token that may only read." : "."),
    ),
  };
}

/** Any of the list is enough; an empty one says that a token is not needed. */
function securityOf(needed: Needed, guarded: boolean): Json[] {
  if (needed === "nothing") return [];
  const tokens = needed === "read" ? [{ read: [] }, { write: [] }] : [{ write: [] }];
  return guarded ? tokens : [{}, ...tokens];
}

function parameterObject({ in: place, name, description, schema }: Parameter): Json {
  return { in: place, name, description, required: place === "path", schema };
}

function responseObject({ description, content, headers = {} }: Answer): Json {
  const described = Object.entries(headers).map(([name, description]) =>
    [name, { description, schema: { type: "string" } }] as const
  );
  return {
    description,
    ...(content ? { content: contentObject(content) } : {}),
    ...(described.length > 0 ? { headers: Object.fromEntries(described) } : {}),
  };
}

function contentObject(content: NonNullable<Answer["content"]>): Json {
  return Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema }]));
}
