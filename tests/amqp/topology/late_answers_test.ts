import { assertEquals } from "@std/assert";
import { LateAnswers } from "../../../lib/amqp/topology/late_answers.ts";
import { Logger } from "../../../lib/base/log.ts";
import { eventually } from "../../support/eventually.ts";

function lateAnswers() {
  const lines: string[] = [];
  const log = new Logger({ level: "info", write: (line) => lines.push(JSON.parse(line).message) });
  let now = 0;
  return { late: new LateAnswers(log, { late: 5, now: () => now }), lines, pass: (ms: number) => now += ms };
}

Deno.test("an answer that is late is told once, is a reason until it comes, and then that is told", async () => {
  const { late, lines, pass } = lateAnswers();
  const details: string[] = [];
  const asking = late.ask('queue "pay.dead"', (detail) => details.push(detail));
  assertEquals(late.all, []);
  await eventually(() => late.all.length === 1);
  const line = 'the broker has not answered for 0.005 s about queue "pay.dead"';
  assertEquals([lines, details], [[line], [line]]);
  pass(40_000);
  asking.gaveUp();
  assertEquals(late.all, [{ what: 'queue "pay.dead"', detail: "the broker has not answered for 40 s" }]);

  const again = late.ask('queue "pay.dead"', (detail) => details.push(detail));
  await eventually(() => details.length === 2);
  assertEquals(lines.length, 1);
  again.answered();
  assertEquals([late.all, lines[1]], [[], 'the broker answers again about queue "pay.dead"']);
});

Deno.test("an answer that comes in time is not told of, and one that nobody wants any more is no reason", async () => {
  const { late, lines } = lateAnswers();
  late.ask('queue "a"').answered();
  const asking = late.ask('queue "b"');
  await eventually(() => late.all.length === 1);
  asking.forgotten();
  assertEquals([late.all, lines.length], [[], 1]);
});
