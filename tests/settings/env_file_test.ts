import { assertEquals, assertThrows } from "@std/assert";
import { WarrenError } from "../../lib/base/errors.ts";
import { readEnvFiles } from "../../lib/settings/env_file.ts";

const FILES: Record<string, string> = {
  "/app/.env": "A=1\nexport B='two words' # with a comment\nC=3\n=nameless\n",
  ".env.local": "C=4\nD=5",
};

function read(path: string): string {
  if (path in FILES) return FILES[path];
  if (path === "/locked/.env") throw new Deno.errors.PermissionDenied("no");
  throw new Deno.errors.NotFound(path);
}

const PLAIN = { envFile: undefined, production: false };

Deno.test(".env beside the project's deno.json is read, and what is set already wins", () => {
  assertEquals(readEnvFiles(PLAIN, { A: "set", B: "" }, "/app", read), { C: "3" });
  assertEquals(readEnvFiles(PLAIN, {}, "/app", read), { A: "1", B: "two words", C: "3" });
});

Deno.test("no .env, or no project, is no variables; one that cannot be read is an error", () => {
  assertEquals(readEnvFiles(PLAIN, {}, "/other", read), {});
  assertEquals(readEnvFiles(PLAIN, {}, undefined, read), {});
  assertThrows(() => readEnvFiles(PLAIN, {}, "/locked", read), WarrenError, '"/locked/.env" cannot be read: no');
});

Deno.test("in production only the files that are named are read", () => {
  assertEquals(readEnvFiles({ ...PLAIN, production: true }, {}, "/app", read), {});
  assertEquals(readEnvFiles({ production: true, envFile: [".env.local"] }, {}, "/app", read), { C: "4", D: "5" });
});

Deno.test("of several files the last one wins, and each has to be there", () => {
  const envFile = ["/app/.env", ".env.local"];
  assertEquals(readEnvFiles({ ...PLAIN, envFile }, {}, "/app", read), { A: "1", B: "two words", C: "4", D: "5" });
  assertThrows(
    () => readEnvFiles({ ...PLAIN, envFile: ["none"] }, {}, "/app", read),
    WarrenError,
    '"none" cannot be read',
  );
});

Deno.test("a secret that is set as a file wins over its value in .env, and the other way round", () => {
  assertEquals(readEnvFiles(PLAIN, { A_FILE: "/run/a" }, "/app", read), { B: "two words", C: "3" });
  const files = () => "KEY_FILE=/run/key";
  assertEquals(readEnvFiles(PLAIN, { KEY: "set" }, "/app", files), {});
});
