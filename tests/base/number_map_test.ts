import { assertEquals } from "@std/assert";
import { NumberMap } from "../../lib/base/number_map.ts";

Deno.test("a NumberMap does what a Map does, whatever comes and goes", () => {
  // Deterministic: a linear congruential generator.
  let seed = 42;
  const random = (below: number) => (seed = (seed * 1103515245 + 12345) % 2 ** 31) % below;
  const [map, model] = [new NumberMap<string>(), new Map<number, string>()];
  for (let step = 0; step < 50_000; step++) {
    // Phases of growing and of shrinking; keys that are apart by powers of two share a place.
    const key = random(4) === 0 ? random(8) * 4_096 : random(300);
    if (random(10) < (step % 10_000 < 5_000 ? 7 : 3)) {
      map.set(key, `${step}`);
      model.set(key, `${step}`);
    } else assertEquals(map.delete(key), model.delete(key));
    assertEquals(map.size, model.size);
    const other = random(300);
    assertEquals([map.get(other), map.has(other)], [model.get(other), model.has(other)]);
  }
  const keys = [...model.keys()].sort((one, other) => one - other);
  assertEquals(map.keys(), keys);
  assertEquals(map.values(), keys.map((key) => model.get(key)!));
});

Deno.test("one that stays does not make a NumberMap grow while others come and go", () => {
  const map = new NumberMap<number>();
  map.set(1, 1);
  for (let key = 2; key < 100_000; key++) {
    map.set(key, key);
    if (key > 10) assertEquals(map.delete(key - 8), true);
  }
  assertEquals([map.size, map.get(1), map.get(99_999), map.get(2)], [10, 1, 99_999, 2]);
});

Deno.test("a NumberMap finds nothing under what is no whole number, and takes numbers beyond 32 bits", () => {
  const map = new NumberMap<string>();
  map.set(0, "zero");
  map.set(2 ** 40 + 3, "large");
  for (const key of [-1, 0.5, NaN, Infinity, -2, "0", undefined, null, {}]) {
    assertEquals([map.get(key as number), map.has(key as number), map.delete(key as number)], [
      undefined,
      false,
      false,
    ]);
  }
  assertEquals(map.values(), ["zero", "large"]);
  map.clear();
  assertEquals([map.size, map.keys()], [0, []]);
});
