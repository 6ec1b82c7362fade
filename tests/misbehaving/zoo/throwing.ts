import type { Animal } from "../animal.ts";

/** Those that throw or return what cannot cross to the runner. */
export const THROWING: readonly Animal[] = [
  { does: "throws undefined", handler: "throw undefined;", ends: "failed", because: "undefined" },
  { does: "throws null", handler: "throw null;", ends: "failed", because: "null" },
  { does: "throws a symbol", handler: 'throw Symbol("odd");', ends: "failed", because: "Symbol(odd)" },
  { does: "throws a function", handler: "throw () => 1;", ends: "failed", because: "Function" },
  {
    does: "throws an object with a getter that throws",
    handler: 'throw { get message() { throw new Error("no message"); } };',
    ends: "failed",
    because: "[Getter]",
  },
  {
    does: "throws an error whose message and name throw",
    handler: `
      const error = new Error("x");
      for (const key of ["message", "name", "stack", "cause", "constructor"]) {
        Object.defineProperty(error, key, { get() { throw new Error("no " + key); } });
      }
      throw error;`,
    ends: "failed",
  },
  {
    does: "throws an object that cannot be shown",
    handler: 'throw { [Symbol.for("Deno.customInspect")]() { throw new Error("unseen"); } };',
    ends: "failed",
  },
  {
    does: "throws a Proxy that throws at every touch",
    handler: `
      const no = () => { throw new Error("do not touch"); };
      throw new Proxy({}, { get: no, has: no, getPrototypeOf: no, ownKeys: no, getOwnPropertyDescriptor: no });`,
    ends: "failed",
  },
  {
    does: "throws a Proxy of an error",
    handler: 'throw new Proxy(new Error("behind"), {});',
    ends: "failed",
    because: "behind",
  },
  {
    does: "throws a message of ten megabytes",
    handler: 'throw new Error("m".repeat(10 * 1024 * 1024));',
    ends: "failed",
    because: "mmm",
  },
  {
    does: "throws an object of ten megabytes",
    handler: 'throw { text: "m".repeat(10 * 1024 * 1024) };',
    ends: "failed",
    because: "mmm",
  },
  {
    does: "throws an error that is its own cause",
    handler: 'const error = new Error("round"); error.cause = error; throw error;',
    ends: "failed",
    because: "round",
  },
  {
    does: "throws an error whose name and message are no text",
    handler: 'throw Object.assign(new Error("x"), { name: { a: 1 }, message: Symbol("m"), stack: 5 });',
    ends: "failed",
    because: "Symbol(m)",
  },
  {
    does: "throws an error whose name cannot be a text",
    handler: 'throw Object.assign(new Error("plain"), { name: Object.create(null) });',
    ends: "failed",
    because: "cannot be shown",
  },
  {
    does: "asks for a retry in an odd time",
    handler: 'throw Object.assign(new Error("x"), { name: "Retry", delay: { valueOf() { for (;;); } } });',
    ends: "failed",
  },
  { does: "rejects with undefined", handler: "await Promise.reject();", ends: "failed", because: "undefined" },
  {
    does: "leaves a rejection behind that nobody handles",
    handler: 'void Promise.reject(new Error("nobody waits"));',
    ends: "completed",
    logs: "unhandled rejection: nobody waits",
  },
  {
    does: "leaves a rejection behind after it returned",
    handler: 'setTimeout(() => Promise.reject(new Error("too late")), 20);',
    ends: "completed",
    logs: "unhandled rejection: too late",
  },
  {
    does: "leaves a rejection behind that throws when it is looked at",
    handler: 'Promise.reject({ [Symbol.for("Deno.customInspect")]() { throw new Error("unseen"); } });',
    ends: "completed",
    logs: "unhandled rejection",
  },
  { does: "returns a Proxy", handler: "return new Proxy({}, {});", ends: "completed" },
  { does: "returns a function", handler: "return () => {};", ends: "completed" },
  { does: "returns a symbol", handler: "return Symbol();", ends: "completed" },
  {
    does: "returns a cyclic object",
    handler: "const round = {}; round.round = round; return round;",
    ends: "completed",
  },
  { does: "returns a bigint", handler: "return 10n ** 1000n;", ends: "completed" },
  {
    does: "returns something whose then throws",
    handler: 'return { get then() { throw new Error("no then"); } };',
    ends: "failed",
    because: "no then",
  },
  {
    does: "returns something that is to be awaited, and fails",
    module: `
      export default ({ body }) => body === "misbehave"
        ? { then: (_, reject) => reject(new Error("only when awaited")) }
        : undefined;`,
    ends: "failed",
    because: "only when awaited",
  },
];
