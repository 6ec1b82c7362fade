import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

// deno-lint-ignore no-explicit-any
export type Document = any;

const ID = "document";

/**
 * The schemas of a document as checks of answers. An object may have only the members that its schema lists, so that a
 * new member of an answer is noticed.
 */
export class ClosedDocument {
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true, formats: { "date-time": isDate } });
  readonly #document: Document;
  readonly #checks = new Map<string, ValidateFunction>();

  constructor(document: Document) {
    this.#document = document;
    this.#ajv.addSchema({ $id: ID, ...closed(document) as object });
  }

  /** What is wrong with an answer; empty where it is as described. */
  faults(route: string, status: number, type: string, body: unknown): string[] {
    const [method, path] = route.split(" ");
    const template = path.replace(/:(\w+)/g, "{$1}");
    const place = ["paths", template, method.toLowerCase(), "responses", String(status)];
    const answer = at(this.#document, place);
    if (!answer) return [`status ${status} is not described`];
    if (!answer.content) return body === "" ? [] : [`${type} is not described`];
    const described = [type, "*/*"].find((type) => type in answer.content);
    if (described === undefined) return [`${type} is not described`];
    const check = this.#check([...place, "content", described, "schema"]);
    return check(body) ? [] : check.errors!.map(({ instancePath, message, params }) => {
      return `${instancePath} ${message} ${JSON.stringify(params)}`;
    });
  }

  #check(place: readonly string[]): ValidateFunction {
    const id = place.join(" ");
    const known = this.#checks.get(id);
    if (known) return known;
    const pointer = place.map((name) => encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");
    const check = this.#ajv.compile({ $ref: `${ID}#/${pointer}` });
    this.#checks.set(id, check);
    return check;
  }
}

function at(value: Document, place: readonly string[]): Document {
  return place.reduce((found, name) => found?.[name], value);
}

function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== "object" || value === null) return value;
  const copy: Record<string, unknown> = Object.fromEntries(Object.entries(value).map(([key, it]) => [key, closed(it)]));
  const isSchema = copy.type === "object" && "properties" in copy;
  return isSchema && !("additionalProperties" in copy) ? { ...copy, additionalProperties: false } : copy;
}

function isDate(text: string): boolean {
  return !Number.isNaN(Date.parse(text));
}
