import { assertEquals } from "@std/assert";
import { settled } from "../../serving/fake_timers.ts";
import { announced, FakeExchange } from "./fake_fleet.ts";

Deno.test("runners know each other as soon as they have greeted, each itself first", async () => {
  const exchange = new FakeExchange();
  const one = exchange.join("one");
  one.functions = [announced("a", { perMinute: 7 })];
  await exchange.timers.pass(60_000);
  const two = exchange.join("two");
  await exchange.timers.pass(200);
  assertEquals([one.others, two.others], [["two"], ["one"]]);
  const [self, other] = two.fleet.runners();
  assertEquals([self.self, self.name, other.self], [true, "two", false]);
  assertEquals(other.functions, [announced("a", { perMinute: 7 })]);
});

Deno.test("a runner that says nothing any more is gone within eight seconds, and forgotten after ten minutes", async () => {
  const exchange = new FakeExchange();
  const [one, two] = [exchange.join("one"), exchange.join("two")];
  await exchange.timers.pass(10_000);
  two.die();
  await exchange.timers.pass(4_000);
  assertEquals(one.others, ["two"]);
  await exchange.timers.pass(4_000);
  assertEquals(one.others, ["two (gone)"]);
  await exchange.timers.pass(11 * 60_000);
  assertEquals(one.others, []);
});

Deno.test("a runner that says goodbye leaves the list at once, and says nothing after it", async () => {
  const exchange = new FakeExchange();
  const [one, two] = [exchange.join("one"), exchange.join("two")];
  await exchange.timers.pass(1_000);
  two.fleet.stop();
  await settled();
  assertEquals(one.others, []);
  one.fleet.stop();
  exchange.kinds();
  await exchange.timers.pass(60_000);
  assertEquals([exchange.kinds(), exchange.timers.waiting], [[], 0]);
});

Deno.test("what does not change is announced in a few bytes, and all of it now and then", async () => {
  const exchange = new FakeExchange();
  const one = exchange.join("one");
  await exchange.timers.pass(2_500);
  exchange.kinds();
  await exchange.timers.pass(12_500);
  assertEquals(exchange.kinds(), ["alive", "alive", "alive", "alive", "here"]);
  one.functions = [announced("a")];
  await exchange.timers.pass(2_500);
  assertEquals(exchange.kinds(), ["here"]);
});

Deno.test("a change that others want to know is announced at once, and changes together only once", async () => {
  const exchange = new FakeExchange();
  const [one, two] = [exchange.join("one"), exchange.join("two")];
  await exchange.timers.pass(1_000);
  exchange.kinds();
  one.functions = [announced("a", { state: "paused" })];
  for (let change = 0; change < 5; change++) one.fleet.announceSoon();
  await exchange.timers.pass(100);
  assertEquals(exchange.kinds(), ["here"]);
  assertEquals(two.fleet.runners()[1].functions[0].state, "paused");
});

Deno.test("who cannot hear calls nobody gone, and sees them again once it can", async () => {
  const exchange = new FakeExchange();
  const [one] = [exchange.join("one"), exchange.join("two")];
  await exchange.timers.pass(1_000);
  one.link.up = false;
  await exchange.timers.pass(60_000);
  assertEquals(one.others, ["two"]);
  one.link.up = true;
  one.fleet.up();
  await exchange.timers.pass(5_000);
  assertEquals(one.others, ["two"]);
});

Deno.test("nobody is gone while the broker takes nothing from anybody", async () => {
  const exchange = new FakeExchange();
  const [one, two] = [exchange.join("one"), exchange.join("two")];
  await exchange.timers.pass(1_000);
  one.link.blocked = two.link.blocked = true;
  await exchange.timers.pass(60_000);
  assertEquals([one.others, two.others], [["two"], ["one"]]);
  one.link.blocked = two.link.blocked = false;
  two.die();
  await exchange.timers.pass(10_000);
  assertEquals(one.others, ["two (gone)"]);
});

Deno.test("a hello that cannot be sent yet is sent a moment later", async () => {
  const exchange = new FakeExchange();
  const one = exchange.join("one");
  const two = exchange.join("two");
  two.link.blocked = true;
  two.fleet.up();
  await exchange.timers.pass(1_000);
  exchange.kinds();
  two.link.blocked = false;
  await exchange.timers.pass(500);
  assertEquals([exchange.kinds()[0], one.others, two.others], ["hello", ["two"], ["one"]]);
});

Deno.test("a question is answered by all, this runner first, each with its name", async () => {
  const exchange = new FakeExchange();
  const members = ["one", "two", "three"].map((name) => exchange.join(name));
  for (const { fleet, name } of members) fleet.answer("sum", (numbers) => `${name}: ${(numbers as number[]).length}`);
  await exchange.timers.pass(1_000);
  const { answers, silent } = await members[0].asked("sum", [1, 2]);
  assertEquals(answers.toSorted((a, b) => a.runner < b.runner ? -1 : 1), [
    { runner: "one", value: "one: 2" },
    { runner: "three", value: "three: 2" },
    { runner: "two", value: "two: 2" },
  ]);
  assertEquals([answers[0].runner, silent], ["one", []]);
});

Deno.test("who does not answer in time, fails or does not know the question is named", async () => {
  const exchange = new FakeExchange();
  const [one, late, failing, old] = ["one", "late", "failing", "old"].map((name) => exchange.join(name));
  one.fleet.answer("how", () => "well");
  late.fleet.answer("how", () => new Promise(() => {}));
  failing.fleet.answer("how", () => {
    throw new Error("the disk is full");
  });
  old.fleet.answer("something else", () => 1);
  await exchange.timers.pass(1_000);
  const { answers, silent } = await one.asked("how");
  assertEquals([answers, silent.toSorted()], [[{ runner: "one", value: "well" }], ["failing", "late", "old"]]);
});

Deno.test("without a connection this runner answers alone and at once, and the others are silent", async () => {
  const exchange = new FakeExchange();
  const [one, two] = [exchange.join("one"), exchange.join("two")];
  for (const { fleet } of [one, two]) fleet.answer("how", () => "well");
  await exchange.timers.pass(1_000);
  one.link.up = false;
  const { answers, silent } = await one.asked("how", undefined, 60_000);
  assertEquals([answers, silent], [[{ runner: "one", value: "well" }], ["two"]]);
});

Deno.test("a runner that is gone is not waited for", async () => {
  const exchange = new FakeExchange();
  const [one, two] = [exchange.join("one"), exchange.join("two")];
  one.fleet.answer("how", () => "well");
  await exchange.timers.pass(1_000);
  two.die();
  await exchange.timers.pass(10_000);
  assertEquals(await one.asked("how", undefined, 60_000), { answers: [{ runner: "one", value: "well" }], silent: [] });
});

Deno.test("an answer that is too large has fewer items, and says how many are missing; what cannot be cut is none", async () => {
  const exchange = new FakeExchange();
  const [one, two] = [exchange.join("one"), exchange.join("two")];
  const items = Array.from({ length: 3_000 }, (_, index) => `${index} ${"x".repeat(1_000)}`);
  one.fleet.answer("items", () => []);
  two.fleet.answer("items", () => items);
  one.fleet.answer("text", () => "");
  two.fleet.answer("text", () => "x".repeat(2_000_000));
  await exchange.timers.pass(1_000);
  const { answers: [, { value, leftOut = 0 }] } = await one.asked("items", undefined, 5_000);
  const kept = (value as string[]).length;
  assertEquals([kept + leftOut, kept > 900, leftOut > 1_900, (value as string[])[0]], [3_000, true, true, items[0]]);
  assertEquals((await one.asked("text", undefined, 5_000)).silent, ["two"]);
});

Deno.test("nobody waits any longer for answers once the signal aborts", async () => {
  const exchange = new FakeExchange();
  const [one, two] = [exchange.join("one"), exchange.join("two")];
  two.fleet.answer("how", () => new Promise(() => {}));
  await exchange.timers.pass(1_000);
  const gone = new AbortController();
  const asking = one.fleet.ask("how", undefined, { limit: 60_000, signal: gone.signal });
  gone.abort();
  assertEquals(await asking, { answers: [], silent: ["one", "two"] });
});
