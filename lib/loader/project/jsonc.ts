import { parseExpression } from "@babel/parser";
import { describeError, WarrenError } from "../../base/errors.ts";
import { readLiteral, type SourceText } from "../literal.ts";
import { displayPath } from "../place.ts";

/**
 * Reads a file of settings: JSON in which comments and commas at the end of lists are allowed.
 *
 * @throws {WarrenError} `config`, naming the file and the place
 */
export function parseSettings(file: string, text: string): Record<string, unknown> {
  const source: SourceText = { file: displayPath(file), text, problems: [] };
  try {
    const value = readLiteral(parseExpression(text), "it", source);
    if (source.problems.length > 0) throw new Error("expected JSON; comments are allowed, expressions are not");
    if (!isRecord(value)) throw new Error("expected an object: { … }");
    return value;
  } catch (cause) {
    throw new WarrenError("config", `${source.file} cannot be read: ${describeError(cause)}`, { cause });
  }
}

/** What has keys: `{ … }` and nothing else. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
