import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { METRICS, type MetricSpec } from "../../lib/telemetry/names.ts";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { EmbeddedBroker } from "../support/embedded_broker.ts";
import { eventually } from "../support/eventually.ts";
import { Prometheus, prometheusTest, promtool } from "../support/prometheus.ts";
import type { RunnerProcess } from "../support/runner_process.ts";
import { startServing } from "../support/serving.ts";
import { dashboardQueries } from "./dashboard.ts";

const path = (file: string) => new URL(`../../${file}`, import.meta.url).pathname;
const RULES = path("deploy/prometheus/warren-alerts.yaml");
const TOKENS = { API_TOKEN: "write", API_READ_TOKEN: "read" };

prometheusTest("the alert rules and the example of a configuration are valid", async () => {
  await promtool("check", "rules", RULES);
  await promtool("check", "config", "--syntax-only", path("deploy/prometheus/prometheus.yaml"));
});

prometheusTest("each alert fires in a bad night, and none on a healthy day", async () => {
  await promtool("test", "rules", path("tests/deploy/warren-alerts-test.yaml"));
});

interface Rule {
  readonly name: string;
  readonly health: string;
  readonly state: string;
  readonly lastError?: string;
}

/** Messages that complete, fail and end their process. */
async function publishAll(runner: RunnerProcess, bodies: readonly string[]): Promise<void> {
  for (const body of bodies) {
    const headers = { authorization: "Bearer write", "content-type": "text/plain" };
    const response = await fetch(`${runner.url}/functions/mail`, { method: "POST", body, headers });
    await response.body?.cancel();
    assertEquals(response.status, 202);
  }
}

prometheusTest(
  "a Prometheus that scrapes a runner answers every query of the dashboard and of the alerts",
  async () => {
    await using broker = await EmbeddedBroker.launch();
    await using client = await BrokerClient.connect(broker.url);
    await using functions = await folder({
      "mail.ts": `export const config = { queue: "${client.queue("mail")}", retry: ["10ms"], idle: "1h" };
      export default ({ body }) => {
        if (body === "bad") throw new Error("no");
        if (body === "die") Deno.exit(3);
      };`,
    });
    await using data = await folder({});
    const env = { ...TOKENS, WARREN_DATA: data.path };
    await using runner = await startServing({ amqpUrl: broker.url, functionsDir: functions.path, env });
    await using prometheus = await Prometheus.launch({
      global: { scrape_interval: "500ms", scrape_timeout: "500ms", evaluation_interval: "500ms" },
      rule_files: [RULES],
      scrape_configs: [{
        job_name: "warren",
        authorization: { credentials: TOKENS.API_READ_TOKEN },
        static_configs: [{ targets: [new URL(runner.url).host] }],
      }],
    });
    const value = async (query: string) => Number((await prometheus.query(query))[0]?.value[1]);
    await eventually(async () => await value("max(warren_queue_consumers)") === 1, { what: "the first scrape" });
    await publishAll(runner, ["good", "bad", "die"]);
    await eventually(async () => await value("warren_dead_letters_total") === 2, { what: "two dead letters" });
    // Starts a process again, which stays.
    await publishAll(runner, ["good"]);
    await eventually(async () => await value('warren_messages_total{outcome="completed"}') === 2, {
      what: "two successes",
    });

    for (const { title, query } of await dashboardQueries()) {
      const what = `"${title}" to have an answer to ${query}`;
      await eventually(async () => (await prometheus.query(query)).length > 0, { what });
    }
    const { groups } = await prometheus.api<{ groups: { rules: Rule[] }[] }>("rules");
    const rules = groups.flatMap(({ rules }) => rules);
    assertEquals(rules.filter(({ health }) => health !== "ok"), []);
    await eventually(async () => (await firing(prometheus)).includes("WarrenDeadLettersGrow"));
    // Two ends of a process are no crash loop, but of so short a time Prometheus may guess that there were more.
    const expected = ["WarrenDeadLettersGrow", "WarrenCrashLoop"];
    assertEquals((await firing(prometheus)).filter((name) => !expected.includes(name)), []);
    await assertAsTabled(prometheus);
  },
);

async function firing(prometheus: Prometheus): Promise<string[]> {
  return (await prometheus.query(`ALERTS{alertstate="firing"}`)).map(({ metric }) => metric.alertname);
}

/** What Prometheus got is what the table says: names, types and help, and nothing else. */
async function assertAsTabled(prometheus: Prometheus): Promise<void> {
  const metadata = await prometheus.api<Record<string, { type: string; help: string }[]>>("metadata");
  const seen = Object.entries(metadata).map(([name, [{ type, help }]]) => ({ name, type, help }));
  const expected = Object.values<MetricSpec>(METRICS).map(({ name, type, help }) => ({
    // Prometheus asks for OpenMetrics, where the family of a counter has no suffix.
    name: metadata[name] ? name : name.replace(/_total$/, ""),
    type,
    help,
  }));
  const byName = (one: { name: string }, other: { name: string }) => one.name < other.name ? -1 : 1;
  assertEquals(seen.toSorted(byName), expected.toSorted(byName));
  const [{ metric }] = await prometheus.query("warren_build_info");
  assertNotEquals(metric.version, undefined);
  const [memory] = await prometheus.query("warren_sandbox_memory_bytes");
  assert(Number(memory.value[1]) > 10_000_000, `${memory.value[1]} bytes are no process of Deno`);
}
