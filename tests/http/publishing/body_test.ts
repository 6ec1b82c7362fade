import { assertEquals, assertRejects } from "@std/assert";
import { WarrenError } from "../../../lib/base/errors.ts";
import { Problem } from "../../../lib/http/problem.ts";
import { bodyOf } from "../../../lib/http/publishing/body.ts";

/** A request whose body comes in these parts. */
function requestOf(parts: Iterable<string> | AsyncIterable<string>): Request {
  const body = ReadableStream.from(parts).pipeThrough(new TextEncoderStream());
  return new Request("http://localhost/", { method: "POST", body });
}

async function textOf(request: Request, limit = 1_000): Promise<string> {
  return new TextDecoder().decode(await bodyOf(request, limit));
}

Deno.test("a body is read whole, in however many parts it comes", async () => {
  assertEquals(await textOf(new Request("http://localhost/", { method: "POST" })), "");
  assertEquals(await textOf(requestOf([])), "");
  assertEquals(await textOf(requestOf(["abc"])), "abc");
  assertEquals(await textOf(requestOf(["abc", "", "d", "ef"])), "abcdef");
  const long = Array.from({ length: 200 }, (_, n) => String.fromCharCode(97 + n % 26).repeat(1_000));
  assertEquals(await textOf(requestOf(long), 200_000), long.join(""));
});

Deno.test("a body of the limit is read, and of one byte more it is not", async () => {
  assertEquals(await textOf(requestOf(["12", "34"]), 4), "1234");
  for (const parts of [["12", "345"], ["12345"]]) {
    const error = await assertRejects(() => textOf(requestOf(parts), 4), WarrenError);
    assertEquals(error.code, "tooLarge");
  }
  const announced = new Request("http://localhost/", { method: "POST", body: "x", headers: { "content-length": "5" } });
  assertEquals((await assertRejects(() => textOf(announced, 4), WarrenError)).code, "tooLarge");
});

Deno.test("a body that breaks off is the client's fault", async () => {
  async function* broken(): AsyncGenerator<string> {
    yield await Promise.resolve("abc");
    throw new Error("gone");
  }
  const error = await assertRejects(() => textOf(requestOf(broken())), Problem, "broke off after 3 bytes");
  assertEquals(error.status, 400);
});

Deno.test("a body that comes too slowly is given up", async () => {
  const over = Promise.withResolvers<void>();
  async function* stuck(): AsyncGenerator<string> {
    yield "abc";
    await over.promise;
  }
  const error = await assertRejects(() => bodyOf(requestOf(stuck()), 100, { grace: 5 }), Problem, "only 3 bytes");
  assertEquals(error.status, 408);
  over.resolve();
});

Deno.test("a body may take longer the more of it has come", async () => {
  let looked = 0;
  async function* steady(): AsyncGenerator<string> {
    // Longer than the grace, and much shorter than what a hundred bytes may take.
    for (; looked < 3; looked++) {
      yield "x".repeat(100);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  assertEquals((await bodyOf(requestOf(steady()), 1_000, { grace: 1, pace: 1 })).length, 300);
  assertEquals(looked, 3);
});
