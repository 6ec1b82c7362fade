import { assertEquals } from "@std/assert";
import { functionRows, selectRows } from "../../lib/console/function_row.ts";
import { fakeWorld } from "./fake_world.ts";

Deno.test("rows have the functions of all runners, and numbers of all that are there", () => {
  const world = fakeWorld({ functions: 1, healthy: true });
  const elsewhere = { name: "only.there", state: "serving", running: 2, perMinute: 30, failedPerMinute: 3 };
  const [a, b, c] = world.runners;
  const runners = [a, { ...b, functions: [...b.functions, elsewhere] }, { ...c, gone: true, functions: [elsewhere] }];
  const rows = functionRows({ ...world, runners });
  assertEquals(rows.map(({ name }) => name), ["only.there", "orders.paid"]);
  const [there, paid] = rows;
  assertEquals([there.running, there.perMinute, there.failedPerMinute, there.runners], [2, 30, 3, 1]);
  assertEquals(paid.runners, 2);
});

Deno.test("a runner that is gone leaves no row behind", () => {
  const world = fakeWorld({ functions: 1, healthy: true });
  const lost = { name: "lost", state: "serving", running: 0, perMinute: 0, failedPerMinute: 0 };
  const runners = world.runners.map((runner) => ({ ...runner, gone: !runner.self, functions: [lost] }));
  const none = runners.map((runner) => runner.self ? { ...runner, functions: [] } : runner);
  assertEquals(functionRows({ ...world, runners: none }).map(({ name }) => name), ["orders.paid"]);
});

Deno.test("rows are sorted by what is asked for, and by trouble where that is nothing known", () => {
  const rows = functionRows(fakeWorld());
  const first = (sort: string) => selectRows(rows, { sort })[0].name;
  assertEquals(["", "constructor", "dead", "oldest", "errors"].map(first), [
    "payments.refund",
    "payments.refund",
    "orders.created",
    "mails.digest",
    "orders.created",
  ]);
});
