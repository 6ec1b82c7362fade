import { assertEquals } from "@std/assert";
import { type StorySource, tell } from "../../../lib/telemetry/runs/store/story.ts";
import { memoryStore, runOf } from "./stored.ts";

/** A run of a message that another gave rise to. */
function child(messageId: string, parent: string | undefined, at: number, published: string[] = []) {
  return runOf({ messageId, at, published, headers: parent === undefined ? {} : { "warren-parent": parent } });
}

/** The message ids of a story, in its order. */
function ids(source: StorySource, messageId: string, limit?: number): (string | undefined)[] {
  return tell(source, { up: [messageId], down: [messageId] }, limit).runs.map((run) => run.messageId);
}

Deno.test("a story has all attempts, what they gave rise to, and where they came from; and no siblings", () => {
  using store = memoryStore();
  store.insert([
    child("root", undefined, 1_000, ["root/0", "root/1"]),
    child("root/0", "root", 2_000),
    child("root/0", "root", 3_000, ["root/0/0"]),
    child("root/1", "root", 2_500),
    child("root/0/0", "root/0", 4_000),
    child("stranger", undefined, 2_200),
  ]);
  assertEquals(ids(store, "root/0"), ["root", "root/0", "root/0", "root/0/0"]);
  assertEquals(ids(store, "root"), ["root", "root/0", "root/1", "root/0", "root/0/0"]);
  assertEquals(ids(store, "nobody"), []);
});

Deno.test("a message that names itself as its parent, or a circle of them, has an end", () => {
  using store = memoryStore();
  store.insert([child("a", "b", 1_000, ["b"]), child("b", "a", 2_000, ["a"]), child("c", "c", 3_000, ["c"])]);
  assertEquals([ids(store, "a"), ids(store, "c")], [["a", "b"], ["c"]]);
});

Deno.test("ids that only another runner knows more of are in the answer", () => {
  using store = memoryStore();
  store.insert([child("b", "a", 1_000, ["c"])]);
  const { up, down } = tell(store, { up: ["b"], down: ["b"] });
  assertEquals([up, down], [["b", "a"], ["b", "c"]]);
});

Deno.test("a story of very many runs is cut", () => {
  using store = memoryStore();
  store.insert(Array.from({ length: 50 }, (_, index) => child(`m/${index}`, "m", 1_000 + index)));
  assertEquals(ids(store, "m", 20).length, 20);
});
