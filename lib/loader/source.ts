import { parse, type ParserOptions } from "@babel/parser";
import { WarrenError } from "../base/errors.ts";
import { type DefinedParts, definedParts } from "./defined_function.ts";
import { findExport, notCallable } from "./exports.ts";
import { type Expression, placeOf, type Program, readLiteral, type SourceText, withoutTypes } from "./literal.ts";
import { codeFrame, place } from "./place.ts";

/**
 * Reads a function's `config` from its source as data, and checks that the default export can be a handler. Runs none
 * of the module.
 *
 * @param file the path shown in messages
 * @throws {WarrenError} `function`, with the `file:line:column` of the problem
 */
export function readSource(file: string, text: string): { config: Record<string, unknown>; validates: boolean } {
  const program = parseModule(file, text);
  const source: SourceText = { file, text, problems: [] };
  const parts = definedParts(program, source);
  const config = readConfig(program, parts, source);
  if (parts) checkParts(program, parts, source);
  else checkHandler(program, source);
  if (source.problems.length > 0) throw new WarrenError("function", source.problems.join("\n"));
  return { config, validates: parts?.hasInput || findExport(program, "input") !== undefined };
}

function parseModule(file: string, text: string): Program {
  const plugins: NonNullable<ParserOptions["plugins"]> = ["decorators", "decoratorAutoAccessors"];
  if (/\.m?tsx?$/.test(file)) plugins.push("typescript");
  if (/x$/.test(file)) plugins.push("jsx");
  try {
    return parse(text, { sourceType: "module", plugins }).program;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const { loc } = error as SyntaxError & { loc?: { line: number; column: number } };
    const position = { line: loc?.line ?? 1, column: (loc?.column ?? 0) + 1 };
    const message = error.message.replace(/\.?\s*\(\d+:\d+\)$/, "");
    throw new WarrenError(
      "function",
      `${place(file, position)}: syntax error: ${message}\n${codeFrame(text, position)}`,
      { cause: error },
    );
  }
}

function readConfig(
  program: Program,
  parts: DefinedParts | undefined,
  source: SourceText,
): Record<string, unknown> {
  const found = findExport(program, "config");
  if (!found) return parts?.config ? readObjectLiteral(parts.config, source) : {};
  const at = placeOf(found.node, source);
  if (found.kind !== "constant" || !found.value) {
    source.problems.push(
      `config at ${at} cannot be read without running the module: ` +
        "expected `export const config = { … }` with an object literal",
    );
    return {};
  }
  return readObjectLiteral(found.value, source, at);
}

function readObjectLiteral(
  expression: Expression,
  source: SourceText,
  at = placeOf(expression, source),
): Record<string, unknown> {
  const literal = withoutTypes(expression);
  const config = readLiteral(literal, "config", source);
  if (literal.type === "ObjectExpression") return config as Record<string, unknown>;
  if (config !== undefined) source.problems.push(`config at ${at} is not an object: expected \`{ … }\``);
  return {};
}

/** What is given to defineFunction() is given once, and a handler is there. */
function checkParts(program: Program, parts: DefinedParts, source: SourceText): void {
  if (!parts.hasHandler) source.problems.push(`${source.file}: defineFunction() needs a handler`);
  for (const name of ["config", "input"]) {
    const inside = name === "config" ? parts.config !== undefined : parts.hasInput;
    const exported = findExport(program, name);
    if (!inside || !exported) continue;
    const where = placeOf(exported.node, source);
    source.problems.push(`${name} at ${where} is exported and also given to defineFunction(): keep one of them`);
  }
}

function checkHandler(program: Program, source: SourceText): void {
  const found = findExport(program, "default");
  if (!found) {
    source.problems.push(
      `${source.file} has no default export: expected the handler, as in \`export default (message, context) => { … }\``,
    );
    return;
  }
  const what = notCallable(found, program);
  if (what) {
    source.problems.push(`the default export at ${placeOf(found.node, source)} is ${what}: expected a function`);
  }
}
