/**
 * The functions of `@std/assert` that the tests use, over `node:assert/strict`: used by run_tests.ts
 * only where JSR cannot be reached. Names, argument order and return values are those of `@std/assert`.
 */
import nodeAssert from "node:assert/strict";

// deno-lint-ignore no-explicit-any -- the parameter list of a class is contravariant: only `any` takes every class
type Class<T> = abstract new (...args: any[]) => T;

/** `@std/assert` compares by enumerable properties and constructor; so does deepStrictEqual. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.deepStrictEqual(actual, expected, message);
}

export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.notDeepStrictEqual(actual, expected, message);
}

export function assertStrictEquals<T>(actual: unknown, expected: T, message?: string): asserts actual is T {
  if (!Object.is(actual, expected)) {
    fail(message ?? `Expected ${inspect(actual)} to be the same as ${inspect(expected)}`);
  }
}

export function assert(expression: unknown, message = ""): asserts expression {
  if (!expression) throw new nodeAssert.AssertionError({ message: message || "Expected a truthy value" });
}

export function fail(message?: string): never {
  throw new nodeAssert.AssertionError({ message: message ?? "Failed assertion" });
}

export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T> {
  assert(actual !== undefined && actual !== null, message ?? `Expected ${actual} to be neither null nor undefined`);
}

export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  assert(actual.includes(expected), message ?? `Expected ${inspect(actual)} to include ${inspect(expected)}`);
}

export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  // match() as @std/assert has it: independent of lastIndex for /g.
  assert(actual.match(expected), message ?? `Expected ${inspect(actual)} to match ${expected}`);
}

export function assertGreater<T>(actual: T, expected: T, message?: string): void {
  assert(actual > expected, message ?? `Expected ${inspect(actual)} > ${inspect(expected)}`);
}

export function assertGreaterOrEqual<T>(actual: T, expected: T, message?: string): void {
  assert(actual >= expected, message ?? `Expected ${inspect(actual)} >= ${inspect(expected)}`);
}

export function assertLess<T>(actual: T, expected: T, message?: string): void {
  assert(actual < expected, message ?? `Expected ${inspect(actual)} < ${inspect(expected)}`);
}

export function assertLessOrEqual<T>(actual: T, expected: T, message?: string): void {
  assert(actual <= expected, message ?? `Expected ${inspect(actual)} <= ${inspect(expected)}`);
}

export function assertArrayIncludes<T>(actual: ArrayLike<T>, expected: ArrayLike<T>, message?: string): void {
  const missing = Array.from(expected).filter((item) => !Array.from(actual).some((other) => equal(item, other)));
  assert(missing.length === 0, message ?? `Expected ${inspect(actual)} to include ${inspect(missing)}`);
}

export function assertObjectMatch(
  actual: object,
  expected: Record<PropertyKey, unknown>,
  message?: string,
): void {
  assert(matches(actual, expected), message ?? `Expected ${inspect(actual)} to match ${inspect(expected)}`);
}

export function assertInstanceOf<T>(actual: unknown, expected: Class<T>, message?: string): asserts actual is T {
  assert(actual instanceof expected, message ?? `Expected ${inspect(actual)} to be an instance of ${expected.name}`);
}

export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass?: Class<E> | string,
  messageIncludes?: string,
  message?: string,
): E {
  let thrown: unknown;
  try {
    fn();
  } catch (error) {
    thrown = error ?? new Error(String(error));
  }
  return checkError<E>(thrown, "throw", errorClass, messageIncludes, message);
}

export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass?: Class<E> | string,
  messageIncludes?: string,
  message?: string,
): Promise<E> {
  let thrown: unknown;
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (error) {
    return fail(`Expected the function to reject, but it threw at once: ${inspect(error)}`);
  }
  try {
    await promise;
  } catch (error) {
    thrown = error ?? new Error(String(error));
  }
  return checkError<E>(thrown, "reject", errorClass, messageIncludes, message);
}

function checkError<E extends Error>(
  thrown: unknown,
  verb: string,
  errorClass: Class<E> | string | undefined,
  messageIncludes: string | undefined,
  message: string | undefined,
): E {
  // @std/assert's other form: (fn, message).
  if (typeof errorClass === "string") [errorClass, message] = [undefined, errorClass];
  assert(thrown !== undefined, message ?? `Expected the function to ${verb}`);
  if (errorClass) assertInstanceOf(thrown, errorClass, message);
  if (messageIncludes !== undefined) assertStringIncludes(String((thrown as Error).message), messageIncludes, message);
  return thrown as E;
}

function matches(actual: unknown, expected: unknown): boolean {
  if (expected === null || typeof expected !== "object" || actual === null || typeof actual !== "object") {
    return equal(actual, expected);
  }
  if (Array.isArray(expected)) {
    return Array.isArray(actual) && expected.every((item, index) => matches(actual[index], item));
  }
  if (Object.getPrototypeOf(expected) !== Object.prototype) return equal(actual, expected);
  return Reflect.ownKeys(expected).every((key) =>
    key in actual && matches(Reflect.get(actual, key), Reflect.get(expected, key))
  );
}

function equal(a: unknown, b: unknown): boolean {
  try {
    nodeAssert.deepStrictEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

function inspect(value: unknown): string {
  return Deno.inspect(value, { depth: 6 });
}
