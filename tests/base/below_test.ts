import { assert } from "@std/assert";
import { isBelow } from "../../lib/base/below.ts";

Deno.test("a path is below the folders that it is in, and not below itself or one with a longer name", () => {
  assert(isBelow("/a/b/c.ts", "/a/b") && isBelow("/a/b/c.ts", "/a/") && isBelow("/a", "/"));
  assert(!isBelow("/a/b", "/a/b") && !isBelow("/a/bc", "/a/b") && !isBelow("/a", "/a/b"));
});
