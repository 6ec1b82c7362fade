import type { parse } from "@babel/parser";
import { place } from "./place.ts";

export type Program = ReturnType<typeof parse>["program"];
export type Statement = Program["body"][number];
export type Expression = Extract<Statement, { type: "ExpressionStatement" }>["expression"];
type ObjectMember = Extract<Expression, { type: "ObjectExpression" }>["properties"][number];

/** The position of a syntax node. */
interface Placed {
  type: string;
  start?: number | null;
  end?: number | null;
  loc?: { start: { line: number; column: number } } | null;
}

/** A module's source, and the problems found in it. */
export interface SourceText {
  /** The path shown in messages. */
  readonly file: string;
  readonly text: string;
  readonly problems: string[];
}

/** The start of a node, as `file:line:column`. */
export function placeOf(node: Placed, { file }: SourceText): string {
  const { line, column } = node.loc?.start ?? { line: 1, column: 0 };
  return place(file, { line, column: column + 1 });
}

/** The expression without its type annotations: `x satisfies T`, `x as T`, `<T>x`, `x!`. */
export function withoutTypes(node: Expression): Expression {
  switch (node.type) {
    case "TSSatisfiesExpression":
    case "TSAsExpression":
    case "TSTypeAssertion":
    case "TSNonNullExpression":
    case "ParenthesizedExpression":
      return withoutTypes(node.expression);
    default:
      return node;
  }
}

/**
 * Evaluates a literal. Any other expression is added to the source's problems, with its text and location, and becomes
 * `undefined`.
 *
 * @param key path of the value for messages, as in `config.retry.delay`
 */
export function readLiteral(expression: Expression, key: string, source: SourceText): unknown {
  const node = withoutTypes(expression);
  switch (node.type) {
    case "StringLiteral":
    case "NumericLiteral":
    case "BooleanLiteral":
      return node.value;
    case "NullLiteral":
      return null;
    case "TemplateLiteral":
      if (node.expressions.length === 0) return node.quasis[0].value.cooked;
      return notLiteral(node, key, source);
    case "UnaryExpression": {
      const operand = withoutTypes(node.argument);
      if (operand.type !== "NumericLiteral" || !/^[-+]$/.test(node.operator)) return notLiteral(node, key, source);
      return node.operator === "-" ? -operand.value : operand.value;
    }
    case "ArrayExpression":
      return node.elements.map((element, index) => {
        if (element && element.type !== "SpreadElement") return readLiteral(element, `${key}[${index}]`, source);
        return notLiteral(element ?? node, `${key}[${index}]`, source);
      });
    case "ObjectExpression":
      return readObject(node.properties, key, source);
    default:
      return notLiteral(node, key, source);
  }
}

function readObject(members: ObjectMember[], path: string, source: SourceText): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const member of members) {
    const name = member.type === "SpreadElement" || member.computed ? undefined : keyName(member.key);
    const key = name === undefined ? `a key of ${path}` : keyPath(path, name);
    if (name === undefined || member.type !== "ObjectProperty") {
      notLiteral(member, key, source);
      continue;
    }
    if (Object.hasOwn(object, name)) source.problems.push(`${key} is set twice, again at ${placeOf(member, source)}`);
    const value = readLiteral(member.value as Expression, key, source);
    // Defined, not assigned, since "__proto__" is a normal key here.
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return object;
}

function keyName(key: { type: string; name?: unknown; value?: unknown }): string | undefined {
  if (key.type === "Identifier") return String(key.name);
  return key.type === "StringLiteral" || key.type === "NumericLiteral" ? String(key.value) : undefined;
}

function keyPath(path: string, name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`;
}

function notLiteral(node: Placed, key: string, source: SourceText): undefined {
  source.problems.push(
    `${key} is not a literal: "${excerpt(node, source)}" at ${placeOf(node, source)}; ` +
      "config is read without running the module",
  );
}

/** The source text of a node in one line, cut if it is long. */
export function excerpt(node: Placed, { text }: SourceText): string {
  const line = text.slice(node.start ?? 0, node.end ?? 0).replaceAll(/\s+/g, " ");
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
