import { assertEquals } from "@std/assert";
import type { Client } from "../../../lib/amqp/client/client.ts";
import type { Watched } from "../../../lib/amqp/depth/depth_gauge.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import type { Depth } from "../../../lib/invocation/insight/depth.ts";
import { Depths } from "../../../lib/runner/operating/depths.ts";

/** Depths whose measurements are counted, take as long as the test says, and happen at its time. */
function fakeDepths(names: string[]) {
  const state = {
    now: 100_000,
    takes: 0,
    connecting: 0,
    measured: [] as string[][],
    lent: 0,
    failure: undefined as Error | undefined,
  };
  const told: string[] = [];
  const depths = new Depths({
    now: () => state.now,
    functions: () => names.map(watched),
    lend: () => {
      if (state.failure) return Promise.reject(state.failure);
      state.lent++;
      state.now += state.connecting;
      return Promise.resolve({
        client: {} as Client,
        [Symbol.asyncDispose]: () => Promise.resolve(void state.lent--),
      });
    },
    onFailure: (reason) => told.push(reason),
    gauge: {
      keepOnly: () => {},
      measure: (_, functions) => {
        state.measured.push(functions.map(({ definition }) => definition.name));
        state.now += state.takes;
        return Promise.resolve(functions.map(({ definition: { name } }) => depth(name, state.now)));
      },
    },
  });
  return { depths, state, told };
}

function watched(name: string): Watched {
  const definition = resolveFunctionConfig({}, { name, file: `/${name}.ts`, version: "1" });
  return { definition, running: 2, heldBack: new Map([[1_000, 3]]), newest: undefined };
}

function depth(name: string, at: number): Depth {
  return { function: name, queue: name, ready: 1, at, source: "broker" };
}

Deno.test("many who ask at once, and again within two seconds, cause one measurement", async () => {
  const { depths, state } = fakeDepths(["a", "b"]);
  const all = await Promise.all([depths.all(), depths.all()]);
  assertEquals(all.map((found) => found.length), [2, 2]);
  state.now += 1_999;
  await depths.all();
  assertEquals((await depths.one("b"))?.ready, 1);
  assertEquals([state.measured, state.lent], [[["a", "b"]], 0]);
  state.now += 1;
  await depths.all();
  assertEquals(state.measured.length, 2);
});

Deno.test("who asks for one function has that one measured, and not all", async () => {
  const { depths, state } = fakeDepths(["a", "b"]);
  assertEquals((await Promise.all([depths.one("b"), depths.one("b")])).map((one) => one?.function), ["b", "b"]);
  await depths.one("b");
  assertEquals(await depths.one("c"), undefined);
  assertEquals(state.measured, [["b"]]);
});

Deno.test("what takes long is measured less often: a twentieth of the time at most", async () => {
  const { depths, state } = fakeDepths(["a"]);
  state.takes = 500;
  await depths.all();
  state.now += 9_999;
  await depths.all();
  assertEquals(state.measured.length, 1);
  state.now += 1;
  await depths.all();
  assertEquals(state.measured.length, 2);
});

Deno.test("a connection that took long does not make the measurements rare", async () => {
  const { depths, state } = fakeDepths(["a"]);
  state.connecting = 500;
  await depths.all();
  state.now += 2_000;
  await depths.all();
  assertEquals(state.measured.length, 2);
});

Deno.test("without a broker the depths have what this runner knows, and say why once asked", async () => {
  const { depths, state, told } = fakeDepths(["a"]);
  state.failure = new Error("no connection");
  const [known] = await depths.all();
  assertEquals(known, {
    function: "a",
    queue: "a",
    unacknowledged: 2,
    retrying: 3,
    at: state.now,
    source: "broker",
  });
  assertEquals(told, ["no connection"]);
});
