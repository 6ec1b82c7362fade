import { findExport, findLocal } from "./exports.ts";
import { type Expression, placeOf, type Program, type SourceText, withoutTypes } from "./literal.ts";

/** What a module gives to `defineFunction({ … })` as its default export. */
export interface DefinedParts {
  /** The expression of `config`; undefined if there is none. */
  readonly config: Expression | undefined;
  readonly hasInput: boolean;
  readonly hasHandler: boolean;
}

type ObjectLiteral = Extract<Expression, { type: "ObjectExpression" }>;

/** No chain of constants is longer. */
const MAX_DEPTH = 20;

/** The parts of a function that is defined by an object; undefined for any other default export. */
export function definedParts(program: Program, source: SourceText): DefinedParts | undefined {
  const found = findExport(program, "default");
  if (found?.kind !== "constant" || !found.value) return undefined;
  const call = resolve(found.value, program);
  if (call?.type !== "CallExpression" || !isDefineFunction(call.callee as Expression, program)) return undefined;
  const [argument] = call.arguments;
  const parts = argument && resolve(argument as Expression, program);
  return parts?.type === "ObjectExpression" ? readParts(parts, program, source) : undefined;
}

function readParts(parts: ObjectLiteral, program: Program, source: SourceText): DefinedParts {
  const members = new Map<string, Expression | undefined>();
  for (const member of parts.properties) {
    if (member.type === "SpreadElement" || member.computed) {
      const where = placeOf(member, source);
      source.problems.push(`defineFunction() at ${where}: expected input, config and handler, each by its name`);
    } else members.set(nameOf(member.key), member.type === "ObjectProperty" ? member.value as Expression : undefined);
  }
  const config = members.get("config");
  return {
    config: config && resolve(config, program) || config,
    hasInput: members.has("input"),
    hasHandler: members.has("handler"),
  };
}

function nameOf(key: { type: string; name?: string; value?: unknown } | object): string {
  const { name, value } = key as { name?: string; value?: unknown };
  return name ?? String(value);
}

/** The value of a constant, as far as the text of this module tells. */
function resolve(expression: Expression, program: Program): Expression | undefined {
  let node = withoutTypes(expression);
  for (let depth = 0; node.type === "Identifier" && depth < MAX_DEPTH; depth++) {
    const local = findLocal(program, node.name);
    if (local?.kind !== "constant" || !local.value) return undefined;
    node = withoutTypes(local.value);
  }
  return node;
}

/** Whether a callee is the `defineFunction` of `warren`, by whatever name it was imported. */
function isDefineFunction(callee: Expression, program: Program): boolean {
  if (callee.type !== "Identifier") return false;
  return program.body.some((node) =>
    node.type === "ImportDeclaration" && /^(warren|jsr:@warren\/warren)\b/.test(node.source.value) &&
    node.specifiers.some((specifier) =>
      specifier.type === "ImportSpecifier" && specifier.local.name === callee.name &&
      nameOf(specifier.imported) === "defineFunction"
    )
  );
}
