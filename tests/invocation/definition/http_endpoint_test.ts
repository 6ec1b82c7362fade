import { assertEquals, assertStringIncludes } from "@std/assert";
import { describeError } from "../../../lib/base/errors.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";

const resolve = (http: unknown) =>
  resolveFunctionConfig({ http }, { name: "pay", file: "/functions/pay.ts", version: "1" }).http;

function problem(http: unknown): string {
  try {
    resolve(http);
    return "";
  } catch (error) {
    return describeError(error);
  }
}

Deno.test("http has a path, methods, headers in lower case, origins and a limit", () => {
  assertEquals(resolve({ path: "/hooks/stripe", public: true, headers: ["Stripe-Signature"], maxBody: "1MB" }), {
    path: "/hooks/stripe",
    methods: ["POST"],
    public: true,
    headers: ["stripe-signature"],
    origins: [],
    events: false,
    maxBody: 1024 * 1024,
  });
  assertEquals(resolve({ origins: ["https://a.example", "http://localhost:3000", "*"] })?.origins.length, 3);
  assertEquals(resolveFunctionConfig({}, { name: "a", file: "/a.ts", version: "1" }).http, undefined);
});

Deno.test("what http cannot be is an error that quotes it", () => {
  for (const path of ["hooks", "/", "/functions/x", "/healthz", "/a?b", "/a/", "//a", "/a b", 5]) {
    assertStringIncludes(problem({ path }), "http.path is ");
  }
  assertStringIncludes(problem({ path: "/a", methods: ["HEAD"] }), "http.methods");
  assertStringIncludes(problem({ path: "/a", methods: [] }), "http.methods");
  assertStringIncludes(problem({ headers: ["Authorization"] }), "http.headers");
  assertStringIncludes(problem({ headers: ["a b"] }), "http.headers");
  assertStringIncludes(problem({ origins: ["https://a.example/"] }), "http.origins");
  assertStringIncludes(problem({ public: true }), "http.public is true, and http.path is missing");
  assertStringIncludes(problem({ pth: "/a" }), 'did you mean "path"?');
});
