import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { BatchHandler, Handler, StandardSchema } from "../../mod.ts";
import type { Grants } from "../host/permission_line.ts";
import { asSchema } from "./validation.ts";

/** What a sandbox has to know of a function before it is loaded. */
export interface Facts extends Pick<FunctionDefinition, "name" | "envelope" | "body"> {
  /** Absent where nothing is denied by its config, but by the runner's own flags. */
  readonly grants?: Grants;
}

/** A function, ready to run. */
export interface Loaded extends Facts {
  readonly handler: Handler | BatchHandler;
  readonly input: StandardSchema | undefined;
}

/** A function from its module. @throws {TypeError} where the exports are not those of one */
export function toLoaded(module: Record<string, unknown>, { name, envelope, body, grants }: Facts): Loaded {
  const { default: handler, input } = module;
  if (typeof handler !== "function") {
    throw new TypeError(`the default export is ${typeof handler}, expected a function`);
  }
  return { name, envelope, body, grants, handler: handler as Handler, input: asSchema(input) };
}
