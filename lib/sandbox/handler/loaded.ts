import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { BatchHandler, Handler, StandardSchema } from "../../mod.ts";
import type { Grants } from "../process/permission_line.ts";
import { asSchema } from "./validation.ts";

/** What a sandbox needs to know about a function before it is loaded. */
export interface Facts extends Pick<FunctionDefinition, "name" | "envelope" | "body"> {
  /** Undefined if the runner's own flags deny permissions, instead of the config. */
  readonly grants?: Grants;
}

/** A loaded function. */
export interface Loaded extends Facts {
  readonly handler: Handler | BatchHandler;
  readonly input: StandardSchema | undefined;
}

/** Reads a function from its module. @throws {TypeError} if the exports are not a function's */
export function toLoaded(module: Record<string, unknown>, { name, envelope, body, grants }: Facts): Loaded {
  const { default: handler } = module;
  if (typeof handler !== "function") {
    throw new TypeError(`the default export is ${typeof handler}, expected a function`);
  }
  // What defineFunction() was given is with the handler.
  const input = module.input ?? (handler as { input?: unknown }).input;
  return { name, envelope, body, grants, handler: handler as Handler, input: asSchema(input) };
}
