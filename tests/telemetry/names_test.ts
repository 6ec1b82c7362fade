import { assert, assertEquals, assertMatch } from "@std/assert";
import { metricsPage } from "../../lib/telemetry/metrics_page.ts";
import { METRICS, type MetricSpec } from "../../lib/telemetry/names.ts";
import { chosenFrom, dashboardQueries } from "../deploy/dashboard.ts";

const ALL = Object.values<MetricSpec>(METRICS);
const NAMES = ALL.map(({ name }) => name);
const ROOT = new URL("../../", import.meta.url);

Deno.test("docs/metrics.md is what the table says: deno run lib/telemetry/metrics_page.ts | deno fmt --ext md - > it", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext", "md", "-"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(metricsPage()));
  await input.close();
  const { stdout } = await child.output();
  assertEquals(new TextDecoder().decode(stdout), await Deno.readTextFile(new URL("docs/metrics.md", ROOT)));
});

Deno.test("names of metrics follow the rules of Prometheus: a counter ends in _total, a unit is part of the name", () => {
  assertEquals(NAMES.length, new Set(NAMES).size);
  for (const { name, type, unit, buckets, help } of ALL) {
    assertMatch(name, /^(warren|process)_[a-z_]+$/);
    assertEquals(name.endsWith("_total"), type === "counter", name);
    const base = name.replace(/_total$/, "");
    assertEquals([base.endsWith("_seconds"), base.endsWith("_bytes")], [unit === "s", unit === "By"], name);
    assertEquals(buckets !== undefined, type === "histogram", name);
    assert(!help.endsWith("."), `the help of ${name} ends with a full stop`);
  }
});

Deno.test("the dashboard and the alerts use no metric that is not in the table, and the dashboard shows each of them", async () => {
  const alerts = await Deno.readTextFile(new URL("deploy/prometheus/warren-alerts.yaml", ROOT));
  const queries = (await dashboardQueries()).map(({ query }) => query);
  assertEquals(namesIn(alerts).filter((name) => !NAMES.includes(name)), []);
  const shown = namesIn([...queries, ...await chosenFrom()].join("\n"));
  assertEquals(shown.toSorted(), NAMES.toSorted());
});

function namesIn(text: string): string[] {
  const found = text.match(/\b(?:warren|process)_[a-z_]+(?=[{\[) ]|$)/gm) ?? [];
  return [...new Set(found.map((name) => name.replace(/_bucket$/, "")))];
}
