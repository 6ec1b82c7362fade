import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { PNG } from "pngjs";
import { run } from "warren/testing";
import { scaled } from "../scale.ts";
import * as thumbnail from "./thumbnail.ts";

/** An image whose left half is red and whose right half is blue. */
function image(width: number, height: number): Uint8Array {
  const png = new PNG({ width, height });
  for (let at = 0; at < width * height; at++) {
    const left = at % width < width / 2;
    png.data.set([left ? 255 : 0, 0, left ? 0 : 255, 255], at * 4);
  }
  return new Uint8Array(PNG.sync.write(png));
}

Deno.test("a thumbnail is small, has the same shape, and shows the same", async () => {
  const { outcome, result } = await run(thumbnail, image(1_000, 500));
  assert.equal(outcome, "completed");
  const { width, height, data } = PNG.sync.read(Buffer.from(result as Uint8Array));
  assert.deepEqual([width, height], [160, 80]);
  assert.deepEqual([...data.subarray(0, 4)], [255, 0, 0, 255]);
  assert.deepEqual([...data.subarray(159 * 4, 160 * 4)], [0, 0, 255, 255]);
});

Deno.test("a small image stays as it is", async () => {
  const { result } = await run(thumbnail, image(3, 2));
  const { width, height } = PNG.sync.read(Buffer.from(result as Uint8Array));
  assert.deepEqual([width, height], [3, 2]);
});

Deno.test("what is no image is not tried again", async () => {
  const { next, error } = await run(thumbnail, new TextEncoder().encode("this is just some text, and no image"));
  assert.deepEqual(next, { kind: "deadLetter", reason: "rejected" });
  assert.match(error!.message, /no PNG image/);
});

Deno.test("a pixel of a smaller image is the mean of those that it stands for", () => {
  const data = new Uint8Array([0, 0, 0, 255, 100, 50, 0, 255]);
  assert.deepEqual([...scaled({ width: 2, height: 1, data }, 1, 1).data], [50, 25, 0, 255]);
});
