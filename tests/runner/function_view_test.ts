import { assertEquals } from "@std/assert";
import { detailedView, view } from "../../lib/runner/function_view.ts";
import { broken, FakeServed, loaded } from "../fake_served.ts";

const NOW = new Date("2026-03-01T10:00:00Z");

Deno.test("the detail of a function is its whole configuration, with the next run of its schedule", () => {
  const entry = loaded("pay", "1", {
    queue: { name: "payments", durable: false },
    schedule: { cron: "0 12 * * *", timezone: "UTC" },
    output: "receipts",
    killSwitch: { window: "1m", errorRate: 0.5 },
    permissions: { net: ["api.example.com"] },
  });
  if ("error" in entry) throw new Error(entry.error);
  const served = new FakeServed(entry);
  const detail = detailedView("pay", { loaded: entry, served, error: undefined }, NOW);
  assertEquals([detail.queue, detail.queueOptions?.durable], ["payments", false]);
  assertEquals(detail.schedule, {
    cron: "0 12 * * *",
    timezone: "UTC",
    missed: "once",
    next: "2026-03-01T12:00:00.000Z",
  });
  assertEquals([detail.output?.routingKey, detail.killSwitch?.errorRate], ["receipts", 0.5]);
  assertEquals([detail.permissions?.net, detail.enabled, detail.batch], [["api.example.com"], true, undefined]);
});

Deno.test("the detail of a function has the schema of its bodies once it is known", () => {
  const entry = loaded("pay", "1");
  if ("error" in entry) throw new Error(entry.error);
  const served = new FakeServed(entry);
  const input = () => detailedView("pay", { loaded: entry, served, error: undefined }, NOW).input;
  assertEquals(input(), undefined);
  served.inputSchema = { type: "object" };
  assertEquals(input(), { type: "object" });
});

Deno.test("a function that was never read has no configuration to show", () => {
  const entry = { loaded: broken("pay", "it is wrong"), served: undefined, error: "it is wrong" };
  assertEquals(detailedView("pay", entry, NOW), view("pay", entry));
});
