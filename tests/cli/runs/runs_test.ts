import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { WarrenError } from "../../../lib/base/errors.ts";
import { logs } from "../../../lib/cli/runs/logs.ts";
import { runs } from "../../../lib/cli/runs/runs.ts";
import { createApp } from "../../../lib/http/app.ts";
import type { OperatorView } from "../../../lib/invocation/insight/operator_view.ts";
import { toSummary } from "../../../lib/telemetry/runs/run_record.ts";
import { FakeOperator } from "../../http/fake_operator.ts";
import { FakeRunner } from "../../http/fake_runner.ts";
import { eventually } from "../../support/eventually.ts";
import { failed } from "../../telemetry/ended.ts";
import { runOf } from "../../telemetry/runs/stored.ts";
import { runCommand, runMain } from "../run_command.ts";

const TOKEN = "secret";
const LINE = { time: 1_000, level: "warn", message: "slow\x1b[2J", fields: { seconds: 3 } };
const RUN = {
  ...runOf({ messageId: "m", attempt: 2, outcome: failed("no\x1b[2J", "Error: no\n    at f"), published: ["m/0"] }),
  logs: [LINE],
};

/** The API of a runner with one run, behind a token, and the environment in which the commands find it. */
async function withApi(test: (env: Record<string, string>, fake: FakeOperator) => Promise<void>): Promise<void> {
  const fake = new FakeOperator();
  const line = { runId: RUN.id, function: "order", runner: "here", messageId: "m", line: LINE };
  const operator: OperatorView = Object.assign(fake, {
    known: RUN,
    runs: (query: FakeOperator["queries"][number]) => {
      fake.queries.push(query);
      return Promise.resolve({ items: [toSummary(RUN)], silent: ["other"], leftOut: 3 });
    },
    lines: () => Promise.resolve({ items: [line], silent: [] }),
  });
  const closing = new AbortController();
  const app = createApp(new FakeRunner(), operator, {
    token: TOKEN,
    maxBody: 100,
    host: "127.0.0.1",
    closing: closing.signal,
  });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
  try {
    await test({ PORT: String(server.addr.port), API_TOKEN: TOKEN }, fake);
  } finally {
    closing.abort();
    await server.shutdown();
  }
}

Deno.test("runs shows a table, and says what the answer does not have", async () => {
  await withApi(async (env, fake) => {
    const args = ["--function", "order", "--failed", "--since", "1h", "--limit", "3"];
    const { code, stdout, stderr } = await runCommand(runs, args, env);
    const [head, row] = stdout.split("\n");
    assertMatch(head, /^when +run +function +outcome +attempt +took +next +message id +error$/);
    for (const text of [RUN.id, "order", "failed", "5ms", "dead letter", "Error: no\\u001b[2J"]) {
      assertStringIncludes(row, text);
    }
    assertEquals(code, 0);
    assertStringIncludes(stderr, "these runners did not answer: other");
    assertStringIncludes(stderr, "3 successes were not recorded");
    const { function: name, failed, limit } = fake.queries[0];
    assertEquals([name, failed, limit], ["order", true, 3]);
  });
});

Deno.test("runs --json gives one object a line, and runs show all of one run", async () => {
  await withApi(async (env) => {
    const list = await runCommand(runs, ["--json"], env);
    assertEquals(JSON.parse(list.stdout), JSON.parse(JSON.stringify(toSummary(RUN))));
    const shown = await runCommand(runs, ["show", RUN.id], env);
    for (
      const text of [
        "message id    m",
        "attempt       2",
        "published     m/0",
        "at f",
        "WARN  slow\\u001b[2J seconds=3",
      ]
    ) {
      assertStringIncludes(shown.stdout, text);
    }
    assert(!shown.stdout.includes("\x1b"));
    const json = await runCommand(runs, ["show", RUN.id, "--json"], env);
    assertEquals(JSON.parse(json.stdout), JSON.parse(JSON.stringify(RUN)));
  });
});

Deno.test("what the runner refuses, and what makes no sense, is an error that says so", async () => {
  await withApi(async (env) => {
    const says = async (args: string[], text: string, given = env) => {
      await assertRejects(() => runCommand(runs, args, given), WarrenError, text);
    };
    await says(["show", "none"], 'there is no run "none"');
    await says(["--outcome", "gone"], 'outcome "gone" is not one of');
    await says(["sow", "a"], 'found "sow a"');
    await says([], "this needs the API token", { ...env, API_TOKEN: "wrong" });
    await says([], "no runner answers at 127.0.0.1:1 ", { ...env, PORT: "1" });
    await assertRejects(() => runCommand(logs, [], env), WarrenError, "logs takes the name of one function");
  });
});

Deno.test("logs shows the newest lines, and with --follow each one as it comes, until the runner stops", async () => {
  await withApi(async (env) => {
    const { stdout } = await runCommand(logs, ["order"], env);
    assertEquals(stdout, "1970-01-01T00:00:01.000Z WARN  slow\\u001b[2J messageId=m seconds=3");
  });
  let following: Promise<{ code: number; stdout: string; stderr: string }> | undefined;
  await withApi(async (env, fake) => {
    following = runCommand(logs, ["order", "--follow", "--json"], env);
    await eventually(() => fake.hub.size === 1);
    for (const name of ["other", "order"]) {
      fake.hub.publish({ kind: "log", function: name, runner: "here", line: LINE });
    }
  });
  const { code, stdout, stderr } = await following!;
  assertEquals([code, JSON.parse(stdout), stderr], [
    1,
    { function: "order", runner: "here", line: LINE },
    "the runner has closed the stream",
  ]);
});

Deno.test("both run with the permissions of their tasks", async () => {
  await withApi(async (env) => {
    const [list, lines] = await Promise.all([runMain(["runs", "--json"], env), runMain(["logs", "order"], env)]);
    assertEquals([list.code, JSON.parse(list.stdout).id], [0, RUN.id]);
    assertEquals([lines.code, lines.stdout.includes("slow")], [0, true]);
  });
});
