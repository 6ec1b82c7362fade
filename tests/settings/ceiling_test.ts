import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { beyondCeiling, parseCeiling, type Permissions } from "../../lib/settings/ceiling.ts";

Deno.test("a ceiling names permissions, each with what it may list", () => {
  assertEquals(parseCeiling("net=api.example.com:443,db:5432;env"), {
    net: ["api.example.com:443", "db:5432"],
    env: true,
  });
  assertEquals(parseCeiling(" net = a , b ; read=./data ; "), { net: ["a", "b"], read: ["./data"] });
  assertEquals(parseCeiling("read=./a=b"), { read: ["./a=b"] });
  assertEquals(parseCeiling("net="), { net: [] });
  for (const nothing of ["", "none", " none "]) assertEquals(parseCeiling(nothing), {});
});

Deno.test("what is no permission is no ceiling", () => {
  assertStringIncludes(assertThrows(() => parseCeiling("nett=a"), Error).message, 'found "nett"');
  for (const text of ["none;net", "all", "=a", "__proto__"]) assertThrows(() => parseCeiling(text), Error);
});

Deno.test("what is at or below the ceiling is allowed", () => {
  const below: [asked: Permissions, ceiling: string][] = [
    [{}, "none"],
    [{ net: false, env: [] }, "none"],
    [{ net: true }, "net"],
    [{ net: ["a:1", "b"] }, "net"],
    [{ net: ["a", "a:443"] }, "net=a"],
    [{ net: ["a:443"] }, "net=a:443"],
    [{ read: ["./data/x/y", "./data/", "data"] }, "read=./data"],
    [{ write: ["/var/data/x"] }, "write=/"],
    [{ env: ["KEY"], run: ["git"] }, "env=KEY,OTHER;run=git"],
    [{ env: ["SMTP_HOST", "SMTP_*", "SMTP_TLS_*"] }, "env=SMTP_*"],
  ];
  for (const [asked, ceiling] of below) assertEquals(beyondCeiling(asked, parseCeiling(ceiling)), []);
});

Deno.test("what is beyond the ceiling is named, with what is allowed", () => {
  const beyond: [asked: Permissions, ceiling: string, says: string][] = [
    [{ net: true }, "none", "permissions.net asks for everything, and the runner allows nothing"],
    [{ net: true }, "net=a", "permissions.net asks for everything, and the runner allows a"],
    [{ net: ["a"] }, "net=a:443", 'asks for "a"'],
    [{ net: ["ab:1"] }, "net=a", 'asks for "ab:1"'],
    [{ net: ["a:80"] }, "net=a:443", 'asks for "a:80"'],
    [{ read: ["./data/../secret"] }, "read=./data", 'asks for "./data/../secret"'],
    [{ read: ["./database"] }, "read=./data", 'asks for "./database"'],
    [{ read: ["/"] }, "read=./data", 'asks for "/"'],
    [{ env: ["AMQP"] }, "env=KEY", 'asks for "AMQP"'],
    [{ env: ["KEY_*"] }, "env=KEY_A", 'asks for "KEY_*"'],
    [{ env: ["SMTP"] }, "env=SMTP_*", 'asks for "SMTP"'],
    [{ env: ["S*"] }, "env=SMTP_*", 'asks for "S*"'],
    [{ ffi: true }, "run", "permissions.ffi"],
  ];
  for (const [asked, ceiling, says] of beyond) {
    const lines = beyondCeiling(asked, parseCeiling(ceiling));
    assertEquals(lines.length, 1, `${JSON.stringify(asked)} below ${ceiling}`);
    assertStringIncludes(lines[0], says);
  }
  assertEquals(beyondCeiling({ net: ["a", "b"], env: true }, {}).length, 3);
});
