import { assertEquals } from "@std/assert";
import type { Depth } from "../../../lib/invocation/insight/depth.ts";
import { DepthTrails } from "../../../lib/runner/troubles/depth_trails.ts";
import { TroubleWatch } from "../../../lib/runner/troubles/trouble_watch.ts";
import { depthOf, NOW, runnerOf } from "./snapshots.ts";

/** A watch whose sources answer what the test says, and count how often they are asked. */
function fakeWatch() {
  const state = { now: NOW, dead: 0, looks: 0, late: false, failure: undefined as Error | undefined };
  const watch = new TroubleWatch({
    now: () => state.now,
    patience: 10,
    sources: {
      runners: () => [runnerOf("one", { self: true })],
      checks: () => [],
      depths: (): Promise<readonly Depth[]> => {
        state.looks++;
        if (state.failure) return Promise.reject(state.failure);
        if (state.late) return new Promise(() => {});
        return Promise.resolve([depthOf("hello", { at: state.now, dead: state.dead })]);
      },
      orphans: () => Promise.resolve([{ queue: "warren.orphans", messages: 1, advice: "why. what" }]),
      runs: () => Promise.reject(new Error("no runs are recorded")),
    },
  });
  return { watch, state };
}

const kindsOf = async (watch: TroubleWatch) => (await watch.troubles()).map(({ kind }) => kind);

Deno.test("many who ask cause one look in two seconds", async () => {
  const { watch, state } = fakeWatch();
  await Promise.all([watch.troubles(), watch.troubles()]);
  state.now += 1_999;
  await watch.troubles();
  assertEquals(state.looks, 1);
  state.now += 1;
  await watch.troubles();
  assertEquals(state.looks, 2);
});

Deno.test("what was seen before is compared with what is now", async () => {
  const { watch, state } = fakeWatch();
  assertEquals(await kindsOf(watch), ["orphans"]);
  state.now += 4_000;
  state.dead = 5;
  assertEquals(await kindsOf(watch), ["dead-letters", "orphans"]);
  state.now += 11 * 60_000;
  assertEquals(await kindsOf(watch), ["orphans"]);
});

Deno.test("a source that fails, or does not answer in time, hides no other trouble", async () => {
  const { watch, state } = fakeWatch();
  state.failure = new Error("no broker");
  assertEquals(await kindsOf(watch), ["orphans"]);
  state.failure = undefined;
  state.late = true;
  state.now += 2_000;
  assertEquals(await kindsOf(watch), ["orphans"]);
});

Deno.test("trails keep a sample each half minute for an hour, and nothing of a function that is gone", () => {
  const trails = new DepthTrails();
  for (let at = 0; at <= 2 * 3_600_000; at += 10_000) trails.take([depthOf("a", { at }), depthOf("b", { at })]);
  assertEquals(trails.all.get("a")!.length, 120);
  assertEquals(trails.all.get("a")!.at(-1)!.at, 2 * 3_600_000);
  trails.take([depthOf("b", { at: 0 })]);
  assertEquals([...trails.all.keys()], ["b"]);
});
