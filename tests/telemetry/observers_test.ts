import { assertEquals } from "@std/assert";
import { Logger } from "../../lib/base/log.ts";
import type { Observer } from "../../lib/invocation/insight/ended.ts";
import { completedLog } from "../../lib/telemetry/completed_log.ts";
import { observers } from "../../lib/telemetry/observers.ts";
import { endedAs, failed } from "./ended.ts";

Deno.test("several observers get the same, and where there is none there is none", () => {
  const seen: string[] = [];
  const noting = (name: string): Observer => ({
    ended: () => void seen.push(`${name} ended`),
    logged: () => void seen.push(`${name} logged`),
    processEnded: (_, how) => void seen.push(`${name} ${how}`),
  });
  const quiet: Observer = { ended: () => void seen.push("quiet ended") };
  assertEquals([observers([]), observers([undefined]), observers([quiet])], [undefined, undefined, quiet]);
  const all = observers([noting("a"), undefined, quiet, noting("b")])!;
  const ended = endedAs();
  all.ended(ended);
  all.logged!({ definition: ended.definition, invocations: [], level: "info", message: "x" });
  all.coldStart!(ended.definition, 1);
  all.processEnded!(ended.definition, "crashed");
  assertEquals(seen, ["a ended", "quiet ended", "b ended", "a logged", "b logged", "a crashed", "b crashed"]);
});

for (
  const [which, expected] of [["none", []], ["sample", [1_000, 2_000]], ["all", [1_000, 1_001, 2_000]]] as const
) {
  Deno.test(`LOG_COMPLETED=${which} logs ${expected.length} of three successes, and no failure`, () => {
    const lines: Record<string, unknown>[] = [];
    const log = new Logger({ write: (line) => void lines.push(JSON.parse(line)) });
    const observer = completedLog(log, which);
    for (const at of [1_000, 1_001, 2_000]) observer?.ended(endedAs({ at, took: at, messageId: "m", attempt: 2 }));
    observer?.ended(endedAs({ at: 3_000, outcome: failed("no") }));
    observer?.ended(endedAs({ at: 4_000, next: { kind: "return", lost: true } }));
    assertEquals(lines.map(({ duration }) => duration), [...expected]);
    for (const { message, function: name, messageId, attempt } of lines) {
      assertEquals([message, name, messageId, attempt], ["completed", "order", "m", 2]);
    }
  });
}
