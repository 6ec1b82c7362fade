import { parse, type ParserOptions } from "@babel/parser";
import { WarrenError } from "../base/errors.ts";
import { findExport, notCallable } from "./exports.ts";
import { placeOf, type Program, readLiteral, type SourceText, withoutTypes } from "./literal.ts";
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
  const config = readConfig(program, source);
  checkHandler(program, source);
  if (source.problems.length > 0) throw new WarrenError("function", source.problems.join("\n"));
  return { config, validates: findExport(program, "input") !== undefined };
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

function readConfig(program: Program, source: SourceText): Record<string, unknown> {
  const found = findExport(program, "config");
  if (!found) return {};
  const at = placeOf(found.node, source);
  if (found.kind !== "constant" || !found.value) {
    source.problems.push(
      `config at ${at} cannot be read without running the module: ` +
        "expected `export const config = { … }` with an object literal",
    );
    return {};
  }
  const literal = withoutTypes(found.value);
  const config = readLiteral(literal, "config", source);
  if (literal.type === "ObjectExpression") return config as Record<string, unknown>;
  if (config !== undefined) source.problems.push(`config at ${at} is not an object: expected \`{ … }\``);
  return {};
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
