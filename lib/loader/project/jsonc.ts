import { parseExpression } from "@babel/parser";
import { describeError, WarrenError } from "../../base/errors.ts";
import { readLiteral, type SourceText } from "../literal.ts";
import { displayPath } from "../place.ts";

/**
 * Parses a settings file: JSON with comments and trailing commas.
 *
 * @param file its path, for error messages
 * @throws {WarrenError} `config` if the text is something else
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

/** Whether a value is an object with keys, and not an array or null. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
