import { assertEquals } from "@std/assert";
import { decodeText, encodeText } from "../../lib/base/utf8.ts";

const LETTERS = ["a", "é", "€", "😀", "\0", "\ufeff"];

Deno.test("a text of any length and any letters is written and read as the platform does it", () => {
  for (const letter of LETTERS) {
    for (const before of [0, 1, 7, 46, 47, 48, 49, 1_000]) {
      const text = `${"x".repeat(before)}${letter}y`;
      const wanted = new TextEncoder().encode(text);
      const bytes = new Uint8Array(3_100).fill(9);
      const length = encodeText(text, bytes, 5, bytes.length);
      assertEquals(bytes.subarray(5, 5 + length), wanted);
      assertEquals([bytes[4], bytes[5 + length]], [9, 9], "nothing around it");
      assertEquals(decodeText(bytes, 5, 5 + length), text);
    }
  }
  assertEquals([encodeText("", new Uint8Array(0), 0, 0), decodeText(new Uint8Array(0), 0, 0)], [0, ""]);
});

Deno.test("a mark at the beginning of a text belongs to it", () => {
  const bytes = new TextEncoder().encode("\ufefforders");
  assertEquals(decodeText(bytes, 0, bytes.length), "\ufefforders");
});

Deno.test("what is no UTF-8 is read with a sign in its place", () => {
  assertEquals(decodeText(Uint8Array.of(97, 0xff), 0, 2), "a\ufffd");
});

Deno.test("a text without room is cut off between two characters", () => {
  for (const letter of LETTERS.map((letter) => letter.repeat(20))) {
    for (let room = 0; room < 12; room++) {
      const bytes = new Uint8Array(14).fill(9);
      const length = encodeText(letter, bytes, 1, 1 + room);
      const written = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(1, 1 + length));
      assertEquals(letter.startsWith(written), true);
      assertEquals(
        room - length < new TextEncoder().encode([...letter][0]).length,
        true,
        "as much as there is room for",
      );
      assertEquals(bytes.subarray(1 + room), new Uint8Array(13 - room).fill(9));
    }
  }
});
