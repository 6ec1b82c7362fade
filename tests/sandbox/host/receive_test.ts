import { assertEquals } from "@std/assert";
import { Logger } from "../../../lib/base/log.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import { receive, type Receiving } from "../../../lib/sandbox/host/receive.ts";
import type { Reported } from "../../../lib/sandbox/process/from_guest.ts";
import type { GuestProcess } from "../../../lib/sandbox/process/guest_process.ts";
import { settled } from "../../serving/fake_timers.ts";
import { FakeProcess, SandboxParts } from "./sandbox_parts.ts";

const FAILURE = { type: "Error", message: "no" };

/** The parts of a sandbox, and in `did` what its processes had them do. */
class Receiver extends SandboxParts {
  readonly process = FakeProcess.make();
  readonly other = FakeProcess.make();
  readonly did: string[] = [];
  stopping = false;
  readonly #receiving: Receiving = {
    definition: resolveFunctionConfig({ timeout: 50 }, { name: "order", file: "/order.ts", version: "1" }),
    running: this.running,
    pool: { noteSuccess: () => void this.did.push("success") },
    limits: { extend: ({ id }, left) => void this.did.push(`${id} has ${left} ms`) },
    validations: { answered: (_, call) => void this.did.push(`call ${call} is answered`) },
    log: {
      line: (id, by, level, text) => void this.did.push(`${level} of ${by?.id ?? "none"} (${id}): ${text}`),
      uncaught: (type, text) => void this.did.push(`uncaught ${type}: ${text}`),
      dropped: () => {},
    },
    ungranted: { looked: (names) => void this.did.push(`looked at ${names}`) },
    observer: { ended: () => {}, progressed: (_, __, value) => void this.did.push(`is at ${JSON.stringify(value)}`) },
    once: { keeping: undefined, scope: "order", log: new Logger({ level: "silent" }) },
    lease: 100,
    onLoaded: (schema) => void this.did.push(`loaded, with ${JSON.stringify(schema)}`),
    stopping: () => this.stopping,
  };

  /** Its process, or another one, says that. */
  says(message: Reported, process: GuestProcess = this.process): void {
    receive(this.#receiving, process, message);
  }
}

Deno.test("a process that has loaded the module says what its bodies have to look like", () => {
  const receiver = new Receiver();
  receiver.says(["ready", { type: "object" }]);
  assertEquals(receiver.did, ['loaded, with {"type":"object"}']);
});

Deno.test("a process ends its own invocations, and no others", () => {
  const receiver = new Receiver();
  const ids = ["a", "b", "c"].map((name) => receiver.begin(name, receiver.process).id);
  receiver.says(["done", ids], receiver.other);
  receiver.says(["completed", ids.map((id) => ({ id, outputs: [], result: undefined }))], receiver.other);
  receiver.says(["result", ids[0], "failed", FAILURE, undefined], receiver.other);
  receiver.says(["dropped", ids[0]], receiver.other);
  assertEquals(receiver.ended, []);
  receiver.says(["done", [ids[0], 1_000]]);
  receiver.says(["completed", [{ id: ids[1], outputs: [], result: undefined }]]);
  receiver.says(["result", ids[2], "failed", FAILURE, 7]);
  assertEquals(receiver.ended, ["a: completed", "b: completed", "c: failed"]);
  assertEquals(receiver.outcomes[2], { kind: "failed", failure: FAILURE, delay: 7 });
});

Deno.test("who fails after its signal was aborted has timed out, and a rejection has no delay", () => {
  const receiver = new Receiver();
  const [late, rejected] = [receiver.begin("late", receiver.process), receiver.begin("bad", receiver.process)];
  late.killAt = 1;
  receiver.says(["result", late.id, "failed", FAILURE, undefined]);
  receiver.says(["result", rejected.id, "rejected", FAILURE, 7]);
  assertEquals(receiver.ended, ["late: timedOut", "bad: rejected"]);
  assertEquals(receiver.outcomes[1], { kind: "rejected", failure: FAILURE });
});

Deno.test("who was dropped ends only if it was cancelled, or the runner stops", async () => {
  const receiver = new Receiver();
  const [a, b] = [receiver.begin("a", receiver.process), receiver.begin("b", receiver.process)];
  a.cancelled = true;
  for (const { id } of [b, a]) receiver.says(["dropped", id]);
  await settled();
  assertEquals(receiver.ended, ["a: abandoned"]);
  receiver.stopping = true;
  receiver.says(["dropped", b.id]);
  await settled();
  assertEquals(receiver.ended, ["a: abandoned", "b: abandoned"]);
});

Deno.test("who began late gets more time, unless it runs alone", () => {
  const receiver = new Receiver();
  const [a, alone] = [receiver.begin("a", receiver.process), receiver.begin("b", receiver.process)];
  alone.alone = true;
  for (const { id } of [a, alone]) receiver.says(["early", id, 30]);
  assertEquals(receiver.did, [`${a.id} has 30 ms`]);
});

Deno.test("only who follows an invocation learns how far it is, and forged text is null", () => {
  const receiver = new Receiver();
  const { id } = Object.assign(receiver.begin("a", receiver.process), { followed: true });
  const unfollowed = receiver.begin("b", receiver.process);
  receiver.says(["progress", id, '{"done":1}']);
  receiver.says(["progress", id, "no JSON"]);
  receiver.says(["progress", unfollowed.id, "1"]);
  receiver.says(["progress", id, "1"], receiver.other);
  assertEquals(receiver.did, ['is at {"done":1}', "is at null"]);
});

Deno.test("an error that nothing caught is logged, and ends the process", () => {
  const receiver = new Receiver();
  receiver.says(["uncaught", FAILURE]);
  assertEquals(receiver.did, ["uncaught Error: no"]);
  assertEquals(receiver.process.killed, ["nothing caught an error that it threw: Error: no"]);
});

Deno.test("lines are logged with the invocation that they are of, and not beyond the budget", () => {
  const receiver = new Receiver();
  const { id } = receiver.begin("a", receiver.process);
  receiver.says(["log", id, "info", "hello", undefined]);
  receiver.says(["log", id, "info", "of another process", undefined], receiver.other);
  receiver.says(["log", 0, "warn", "at the start", undefined]);
  receiver.says(["env", ["HOME"]]);
  receiver.says(["validated", 5, undefined]);
  const flooding = FakeProcess.make({ budget: { line: () => false } });
  receiver.says(["log", id, "info", "again", undefined], flooding);
  receiver.says(["env", ["PATH"]], flooding);
  assertEquals(receiver.did, [
    `info of ${id} (${id}): hello`,
    `info of none (${id}): of another process`,
    "warn of none (0): at the start",
    "looked at HOME",
    "call 5 is answered",
  ]);
});

Deno.test("a call of once() is answered: for an invocation of another process with an error", async () => {
  const receiver = new Receiver();
  const { id } = receiver.begin("a", receiver.process);
  receiver.says(["once", id, 1, "key"], receiver.other);
  receiver.says(["once", id, 2, "key"]);
  await settled();
  assertEquals(receiver.other.sent, [["once", 1, { kind: "error", message: "the invocation is over" }]]);
  assertEquals(receiver.process.sent, [["once", 2, { kind: "error", message: "there is no store for once()" }]]);
});

Deno.test("a process that asks and reads no answer is killed", () => {
  const receiver = new Receiver();
  const { id } = receiver.begin("a", receiver.process);
  receiver.process.unsent = 100_001;
  receiver.says(["once", id, 1, "key"]);
  assertEquals(receiver.process.killed, ["it asks and does not read the answers"]);
});
