import { assertEquals, assertThrows } from "@std/assert";
import { isKnown, MECHANISMS } from "../../../lib/broker/server/login.ts";
import { AmqpError } from "../../../lib/broker/protocol/amqp_error.ts";
import { encodeTable, type FieldTable } from "../../../lib/broker/protocol/table.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("PLAIN has user and password behind an identity that nobody needs", () => {
  assertEquals(MECHANISMS.PLAIN(bytes("\0ann\0secret")), { user: "ann", password: "secret" });
  assertEquals(MECHANISMS.PLAIN(bytes("me\0é\0")), { user: "é", password: "" });
  for (const wrong of ["", "ann", "\0ann", "\0ann\0se\0cret"]) assertEquals(MECHANISMS.PLAIN(bytes(wrong)), undefined);
});

Deno.test("AMQPLAIN has them in a table", () => {
  assertEquals(MECHANISMS.AMQPLAIN(encodeTable({ LOGIN: "ann", PASSWORD: "secret" })), {
    user: "ann",
    password: "secret",
  });
  const incomplete: FieldTable[] = [{}, { LOGIN: "ann" }, { LOGIN: "ann", PASSWORD: 1 }];
  for (const wrong of incomplete) {
    assertEquals(MECHANISMS.AMQPLAIN(encodeTable(wrong)), undefined);
  }
  assertThrows(() => MECHANISMS.AMQPLAIN(bytes("nonsense")), AmqpError);
});

Deno.test("a login is known when user and password are both right", () => {
  const users = { ann: "secret", bob: "" };
  const known = (user: string, password: string) => isKnown({ user, password }, users);
  assertEquals([known("ann", "secret"), known("bob", "")], [true, true]);
  const wrong = [["ann", ""], ["ann", "secre"], ["ann", "secret\0"], ["ann", "secrets"], ["eve", ""], ["bob", "x"]];
  for (const [user, password] of wrong) assertEquals(known(user, password), false, `${user} ${password}`);
  for (const user of ["__proto__", "constructor", "toString"]) assertEquals(known(user, ""), false);
});
