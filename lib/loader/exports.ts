import { type Expression, type Program, type Statement, withoutTypes } from "./literal.ts";

/** The kind of value that a name in a module refers to, as far as the source shows it. */
export type Found =
  | { kind: "constant"; node: Statement; value: Expression | undefined }
  | { kind: "function"; node: Statement; generator: boolean }
  | { kind: "class"; node: Statement }
  /** A reassignable variable, an import or a re-export: its value is unknown here. */
  | { kind: "elsewhere"; node: Statement }
  | { kind: "namespace"; node: Statement }
  | { kind: "undeclared"; node: Statement; name: string };

/** What a module exports under a name. Undefined for no export or a type-only export. */
export function findExport(program: Program, name: string): Found | undefined {
  for (const node of program.body) {
    if (node.type === "ExportDefaultDeclaration" && name === "default") {
      const { declaration } = node;
      if (declaration.type === "TSDeclareFunction") return { kind: "elsewhere", node };
      if (declaration.type === "FunctionDeclaration") {
        return { kind: "function", node, generator: declaration.generator ?? false };
      }
      if (declaration.type === "ClassDeclaration") return { kind: "class", node };
      if (/^TS\w+Declaration$/.test(declaration.type)) continue;
      return { kind: "constant", node, value: declaration as Expression };
    }
    if (node.type !== "ExportNamedDeclaration" || node.exportKind === "type") continue;
    const declared = node.declaration && findDeclaration(node.declaration, node, name);
    if (declared) return declared;
    for (const specifier of node.specifiers) {
      const exported = specifier.exported;
      if ((exported.type === "Identifier" ? exported.name : exported.value) !== name) continue;
      if (specifier.type === "ExportNamespaceSpecifier") return { kind: "namespace", node };
      if (specifier.type !== "ExportSpecifier" || specifier.exportKind === "type") continue;
      if (node.source || specifier.local.type !== "Identifier") return { kind: "elsewhere", node };
      return findLocal(program, specifier.local.name) ?? { kind: "elsewhere", node };
    }
  }
  return undefined;
}

/** Why an export cannot be a handler. Undefined if it can. */
export function notCallable(found: Found, program: Program, depth = 0): string | undefined {
  switch (found.kind) {
    case "class":
      return "a class, which cannot be called";
    case "namespace":
      return "a module's namespace";
    case "undeclared":
      return `"${found.name}", which is not declared`;
    case "function":
      return found.generator ? "a generator, whose body would not run" : undefined;
    case "elsewhere":
      return undefined;
    case "constant":
      return found.value && notCallableValue(withoutTypes(found.value), found.node, program, depth);
  }
}

/** Kinds of expressions that are never functions. */
const VALUES: Record<string, string> = {
  ObjectExpression: "an object",
  ArrayExpression: "an array",
  StringLiteral: "a string",
  TemplateLiteral: "a string",
  NumericLiteral: "a number",
  BigIntLiteral: "a number",
  BooleanLiteral: "a boolean",
  NullLiteral: "null",
  RegExpLiteral: "a regular expression",
  ClassExpression: "a class, which cannot be called",
  UnaryExpression: "a value",
  BinaryExpression: "a value",
  UpdateExpression: "a number",
  JSXElement: "an element",
  JSXFragment: "an element",
};

function notCallableValue(value: Expression, node: Statement, program: Program, depth: number): string | undefined {
  if (value.type === "FunctionExpression" && value.generator) return "a generator, whose body would not run";
  if (value.type !== "Identifier") return Object.hasOwn(VALUES, value.type) ? VALUES[value.type] : undefined;
  if (value.name === "undefined") return "undefined";
  const local = findLocal(program, value.name);
  if (!local && value.name in globalThis) return undefined;
  // Constants can refer to each other in a circle, so the search is limited.
  return depth > 20
    ? undefined
    : notCallable(local ?? { kind: "undeclared", node, name: value.name }, program, depth + 1);
}

/** What a top-level name of a module refers to. */
export function findLocal(program: Program, name: string): Found | undefined {
  for (const node of program.body) {
    const declaration = node.type === "ExportNamedDeclaration" || node.type === "ExportDefaultDeclaration"
      ? node.declaration as Statement | null | undefined
      : node;
    const found = declaration && findDeclaration(declaration, node, name);
    if (found) return found;
    if (node.type === "ImportDeclaration" && node.specifiers.some(({ local }) => local.name === name)) {
      return { kind: "elsewhere", node };
    }
  }
  return undefined;
}

function findDeclaration(declaration: Statement, node: Statement, name: string): Found | undefined {
  switch (declaration.type) {
    case "FunctionDeclaration":
      if (declaration.id?.name !== name) return undefined;
      return { kind: "function", node, generator: declaration.generator ?? false };
    case "ClassDeclaration":
      return declaration.id?.name === name ? { kind: "class", node } : undefined;
    case "VariableDeclaration":
      for (const { id, init } of declaration.declarations) {
        if (id.type === "Identifier" && id.name === name) {
          return declaration.kind === "const"
            ? { kind: "constant", node, value: init ?? undefined }
            : { kind: "elsewhere", node };
        }
        if (id.type !== "Identifier" && bindsName(id, name)) return { kind: "elsewhere", node };
      }
      return undefined;
    case "TSDeclareFunction":
    case "TSEnumDeclaration":
    case "TSImportEqualsDeclaration":
      return declaration.id?.name === name ? { kind: "elsewhere", node } : undefined;
    default:
      return undefined;
  }
}

/** Whether a destructuring pattern may bind the name. False positives are harmless, false negatives are not. */
function bindsName(pattern: unknown, name: string): boolean {
  if (typeof pattern !== "object" || pattern === null) return false;
  if ("type" in pattern && pattern.type === "Identifier" && "name" in pattern && pattern.name === name) return true;
  return Object.values(pattern).some((child) => bindsName(child, name));
}
