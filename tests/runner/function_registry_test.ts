import { assert, assertEquals } from "@std/assert";
import { FunctionRegistry } from "../../lib/runner/function_registry.ts";
import { Logger } from "../../lib/base/log.ts";
import { broken, FakeServed, loaded } from "../fake_served.ts";
import { settled } from "../serving/fake_timers.ts";

/** A registry, and all that was ever bound in it. */
function registryOf({ warm = false, drainTimeout = 3_600_000 } = {}) {
  const lines: { level: string; message: string; function?: string; messageIds?: string[] }[] = [];
  const log = new Logger({ level: "debug", write: (line) => void lines.push(JSON.parse(line)) });
  const bound: FakeServed[] = [];
  const registry = new FunctionRegistry({
    log,
    warm,
    drainTimeout,
    open: (version) => {
      const served = new FakeServed(version);
      bound.push(served);
      return served;
    },
  });
  const said = (level: string) => lines.filter((line) => line.level === level).map(({ message }) => message);
  return { registry, bound, lines, said };
}

Deno.test("a new function is bound, and one that has not changed is left alone", async () => {
  const { registry, bound } = registryOf();
  await registry.apply([loaded("a", "1")]);
  await registry.apply([loaded("a", "1")]);
  assertEquals(bound.map(({ done }) => done), [["start"]]);
  assert(registry.get("a")?.served === bound[0]);
});

Deno.test("a new version takes the place of the old one in the same function", async () => {
  const { registry, bound, said } = registryOf();
  await registry.apply([loaded("a", "1")]);
  await registry.apply([loaded("a", "2")]);
  assertEquals(bound.map(({ done }) => done), [["start", "replace 2"]]);
  assertEquals(said("info"), ["serving a new version"]);
});

Deno.test("while a new version is refused the old one serves, and that is said once", async () => {
  const { registry, bound, said } = registryOf();
  await registry.apply([loaded("a", "1")]);
  for (let reload = 0; reload < 2; reload++) await registry.apply([broken("a", "a.ts:1 is wrong")]);
  assertEquals(said("error"), ["a.ts:1 is wrong; the previous version keeps serving"]);
  assertEquals([registry.get("a")?.error, bound[0].state], ["a.ts:1 is wrong", "serving"]);
  await registry.apply([loaded("a", "1")]);
  assertEquals([registry.get("a")?.error, bound[0].done], [undefined, ["start"]]);
});

Deno.test("a function that is broken from the beginning is bound once it is not", async () => {
  const { registry, bound, said } = registryOf();
  await registry.apply([broken("a", "wrong")]);
  assertEquals(said("error"), ["wrong; it is not bound to a queue"]);
  await registry.apply([loaded("a", "1")]);
  assertEquals(bound.map(({ done }) => done), [["start"]]);
  assertEquals(registry.get("a")?.error, undefined);
});

Deno.test("a version whose module does not load is the function's error, and says what serves meanwhile", async () => {
  const { registry, bound, said } = registryOf();
  await registry.apply([loaded("a", "1")]);
  await registry.get("a")?.served?.pause("here", "paused in this runner");
  bound[0].refusal = new Error("x is not defined");
  await registry.apply([loaded("a", "2")]);
  assertEquals(said("error"), [
    "the new version does not load: x is not defined; the previous version stays paused",
  ]);
  assertEquals(registry.get("a")?.error, "x is not defined");
});

Deno.test("the same version is tried again where the function is broken", async () => {
  const { registry, bound } = registryOf();
  await registry.apply([loaded("a", "1")]);
  bound[0].state = "broken";
  await registry.apply([loaded("a", "1")]);
  assertEquals(bound[0].done, ["start", "replace 1"]);
});

Deno.test("a disabled function ends, says so once, and is bound anew when it is enabled", async () => {
  const { registry, bound, said } = registryOf();
  await registry.apply([loaded("a", "1")]);
  for (const version of ["2", "2", "3"]) await registry.apply([loaded("a", version, { enabled: false })]);
  await settled();
  assertEquals([bound[0].done, said("info")], [["start", "drain", "abort", "close"], ["disabled"]]);
  assertEquals(registry.get("a")?.served, undefined);
  await registry.apply([loaded("a", "4")]);
  assertEquals(bound.length, 2);
});

Deno.test("what is removed goes before what is new comes, so that a renamed file keeps its queue", async () => {
  const { registry, bound } = registryOf();
  await registry.apply([loaded("old", "1", { queue: "q" })]);
  const { promise, resolve } = Promise.withResolvers<void>();
  bound[0].idle = promise;
  await registry.apply([loaded("new", "1", { queue: "q" })]);
  assertEquals(bound.map(({ state }) => state), ["draining", "serving"]);
  assertEquals([...registry.entries()].map(([name]) => name), ["new"]);
  resolve();
  await settled();
});

Deno.test("a removed function has its drain time and is aborted after it", async () => {
  const { registry, bound, said } = registryOf({ drainTimeout: 0 });
  await registry.apply([loaded("a", "1")]);
  bound[0].idle = new Promise(() => {});
  await registry.apply([]);
  await new Promise((resolve) => setTimeout(resolve));
  await settled();
  assertEquals(bound[0].done, ["start", "drain", "abort", "close"]);
  assertEquals(said("info"), ["removed; its queue and the messages in it stay"]);
});

Deno.test("a removed function that still runs is drained, aborted and closed with the others", async () => {
  const { registry, bound, lines } = registryOf({ drainTimeout: 1_000 });
  await registry.apply([loaded("gone", "1"), loaded("here", "1")]);
  const end = Promise.withResolvers<void>();
  Object.assign(bound[0], { running: 1, messageIds: ["m"], idle: end.promise });
  await registry.apply([loaded("here", "1")]);
  let drained = false;
  const draining = registry.drain().then(() => drained = true);
  await settled();
  assert(!drained);
  registry.logUnfinished(1_000);
  const { message, messageIds, function: name } = lines.at(-1)!;
  assertEquals([name, messageIds], ["gone", ["m"]]);
  assertEquals(message, "1 invocation was not done within 1 s; its message goes back to the queue");
  end.resolve();
  await draining;
  await registry.close();
  assertEquals(bound[1].done, ["start", "drain", "close"]);
  assertEquals(bound[0].done.at(-1), "close");
});

Deno.test("with many messages that were not done, the log names some and says how many more", async () => {
  const { registry, bound, lines } = registryOf();
  await registry.apply([loaded("a", "1")]);
  Object.assign(bound[0], { running: 25, messageIds: Array.from({ length: 25 }, (_, index) => `${index}`) });
  registry.logUnfinished(500);
  assertEquals(lines.at(-1)!.messageIds?.slice(-2), ["19", "and 5 more"]);
});

Deno.test("where all must be loaded before the runner is ready, new and replaced functions are warm", async () => {
  const { registry, bound } = registryOf({ warm: true });
  await registry.apply([loaded("a", "1")]);
  assertEquals(bound[0].definition.warm, true);
  await registry.apply([loaded("a", "2")]);
  assertEquals([bound[0].definition.version, bound[0].definition.warm], ["2", true]);
});
