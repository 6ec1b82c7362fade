import { type Schema, text } from "./schema.ts";

/** A parameter of a route, in its path, in the query or in a header. */
export interface Parameter {
  readonly in: "path" | "query" | "header";
  readonly name: string;
  readonly description: string;
  readonly schema: Schema;
}

/** What one status of an answer means, and the schema of its body for each content type. */
export interface Answer {
  readonly description: string;
  readonly content?: Readonly<Record<string, Schema>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the document says about one method of one route. */
export interface Operation {
  /** Headline in the document: which resource it belongs to. */
  readonly tag: string;
  /** One short line, in the imperative. */
  readonly summary: string;
  readonly description?: string;
  /** All of the path's, and what it reads of the query and the headers. */
  readonly parameters?: readonly Parameter[];
  /** The schema of the request's body for each content type. */
  readonly body?: { readonly required: boolean; readonly content: Readonly<Record<string, Schema>> };
  /** By status. 401 and 403 follow from the guards, and are not listed. */
  readonly answers: Readonly<Record<number, Answer>>;
}

/** Operations by route, as in `GET /functions/:name`. */
export type Operations = Readonly<Record<string, Operation>>;

export const JSON_TYPE = "application/json";
export const PROBLEM_TYPE = "application/problem+json";

export function inPath(name: string, description: string): Parameter {
  return { in: "path", name, description, schema: text() };
}

export function inQuery(name: string, description: string, schema: Schema = text()): Parameter {
  return { in: "query", name, description, schema };
}

export function inHeader(name: string, description: string): Parameter {
  return { in: "header", name, description, schema: text() };
}

export const FUNCTION_NAME = inPath("name", "The name of a function, as in `orders.created`.");

export function json(description: string, schema: Schema): Answer {
  return { description, content: { [JSON_TYPE]: schema } };
}

/** An error: a problem document, RFC 9457. */
export function problem(description: string): Answer {
  return { description, content: { [PROBLEM_TYPE]: { $ref: "#/components/schemas/Problem" } } };
}

export const NO_FUNCTION = problem("There is no such function.");
export const WRONG_REQUEST = problem("A parameter or the body is wrong; the detail says which and why.");
export const TOO_LARGE = problem("The body is larger than the limit.");
export const TOO_SLOW = problem("The body came too slowly.");
export const NO_BROKER = problem(
  "The broker does not answer or accept this now; `Retry-After` says when to ask again.",
);
export const REFUSED = problem("The broker refuses it.");
