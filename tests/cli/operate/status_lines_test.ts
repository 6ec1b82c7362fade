import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Screen } from "../../../lib/cli/operate/screen.ts";
import { statusLines } from "../../../lib/cli/operate/status_lines.ts";
import type { FleetStatus } from "../../../lib/invocation/insight/fleet_status.ts";
import { functionStatuses } from "../../../lib/invocation/insight/fleet_status.ts";
import { announced } from "../../amqp/fleet/fake_fleet.ts";

const RUNNER = { id: "1", host: "h", version: "0.1.0", startedAt: 0, seenAt: 90_000, gone: false, self: true };

function statusOf(...functions: ReturnType<typeof announced>[]): FleetStatus {
  const runners = [{ ...RUNNER, name: "web-1.7", functions }];
  return { at: 95_000, healthy: true, runners, functions: functionStatuses(runners), troubles: [] };
}

Deno.test("a status is a table of functions and a list of runners", () => {
  const status = statusOf(
    announced("a", { perMinute: 120 }),
    announced("long.name", { state: "broken", detail: "why" }),
  );
  assertEquals(statusLines(status), [
    "healthy: nothing needs attention",
    "",
    "function   state    runners  waiting  running  a minute  failed",
    "long.name  broken       0/1        -        0         0       0",
    "  why",
    "a          serving      1/1        -        0       120       0",
    "",
    "runner",
    "web-1.7  0.1.0, up 1m, 2 functions, answers this",
  ]);
});

Deno.test("trouble comes first, with what to do", () => {
  const trouble = {
    severity: "error",
    kind: "broken",
    title: "a is broken",
    reason: "why",
    action: "repair it",
  } as const;
  const lines = statusLines({ ...statusOf(), healthy: false, troubles: [trouble] });
  assertEquals(lines.slice(0, 3), ["error: a is broken", "  why", "  what to do: repair it"]);
});

Deno.test("lines fit into the terminal, and nothing that a function says moves its cursor", () => {
  const status = statusOf(announced("a", { state: "broken", detail: `\x1b[2J\u009b31m${"x".repeat(500)}` }));
  for (const color of [false, true]) {
    for (const line of statusLines(status, { width: 40, color })) {
      // deno-lint-ignore no-control-regex
      const plain = line.replaceAll(/\x1b\[\d+m/g, "");
      assert(plain.length <= 40, plain);
      // deno-lint-ignore no-control-regex
      assertEquals(/[\x00-\x1f\x7f-\x9f]/.test(plain), false);
    }
  }
});

Deno.test("a screen draws in place, leaves out what has no room, and gives the terminal back", () => {
  const written: string[] = [];
  {
    using screen = new Screen({ write: (text) => void written.push(text), size: () => ({ columns: 20, rows: 4 }) });
    screen.draw(["one", "two", "three", "four", "five"], "footer");
  }
  assertStringIncludes(written[0], "\x1b[?1049h");
  assertEquals(written[1].split("\r\n").map((line) => line.replace("\x1b[K", "")), [
    "\x1b[Hone",
    "two",
    "… and 3 more lines",
    "footer\x1b[J",
  ]);
  assertStringIncludes(written[2], "\x1b[?1049l");
});
