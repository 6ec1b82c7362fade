import { assertEquals } from "@std/assert";
import { flatness, rangeOf } from "../../bench/soak/memory_windows.ts";

Deno.test("a range has the smallest sample, the middle one and the largest", () => {
  assertEquals(rangeOf([3, 10, 1, 2, 4]), { min: 1, median: 3, max: 10 });
  assertEquals(rangeOf([]), undefined);
});

Deno.test("memory is flat while it neither grows from window to window nor swings", () => {
  const at = (...values: number[]) => rangeOf(values)!;
  const flat = (...windows: ReturnType<typeof at>[]) => flatness(windows).flat;

  assertEquals(flat(at(100, 105, 110), at(100, 104, 112)), true);
  assertEquals(flat(at(100, 100, 100)), true);
  assertEquals(flat(at(100, 100, 100), at(90, 111, 112)), false, "it grows");
  assertEquals(flat(at(100, 120, 204), at(100, 120, 150)), false, "it swings");
  // The heap has grown to its usual size by then.
  assertEquals(flat(at(20, 60, 100), at(100, 100, 100), at(100, 105, 110)), true);
  assertEquals(flat(at(20, 60, 100), at(100, 100, 100), at(100, 115, 120)), false, "it grows later");
});
