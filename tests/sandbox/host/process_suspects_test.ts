import { assertEquals } from "@std/assert";
import { ProcessSuspects } from "../../../lib/sandbox/host/process_suspects.ts";
import type { RunningInvocation } from "../../../lib/sandbox/host/running_invocations.ts";
import type { GuestProcess } from "../../../lib/sandbox/process/guest_process.ts";
import { settled } from "../../serving/fake_timers.ts";
import { FakeProcess, SandboxParts } from "./sandbox_parts.ts";

/** Suspects whose processes are none. Those that run are in `inside` until the test lets them leave. */
class Suspected {
  readonly parts = new SandboxParts();
  readonly started: FakeProcess[] = [];
  readonly inside: RunningInvocation[] = [];
  /** Whether processes can be started. */
  starts = true;
  readonly suspects = new ProcessSuspects({
    waits: ({ id }) => this.parts.running.has(id),
    start: () => this.#start(),
    run: (running, started) => {
      started.catch(() => {});
      this.inside.push(running);
    },
  });

  #start(): Promise<GuestProcess> {
    const process = FakeProcess.make();
    this.started.push(process);
    return this.starts ? Promise.resolve(process) : Promise.reject(new Error("no more memory"));
  }

  add(...names: string[]): void {
    for (const name of names) this.suspects.add(this.parts.begin(name));
  }

  /** All that have run so far. */
  get ran(): unknown[] {
    return this.inside.map(({ subject }) => subject);
  }

  /** Ends the one that runs now. */
  async end(crashed = false): Promise<void> {
    if (crashed) this.started.at(-1)!.ended = true;
    this.parts.running.end(this.inside.at(-1)!, { kind: "completed" });
    await settled();
  }
}

Deno.test("suspects run one by one, each alone, in a process that ends in peace after the last one", async () => {
  const suspected = new Suspected();
  suspected.add("a", "b");
  await settled();
  assertEquals([suspected.ran, suspected.inside[0].alone], [["a"], true]);
  await suspected.end();
  assertEquals([suspected.ran, suspected.started.map(({ retired }) => retired)], [["a", "b"], [false]]);
  await suspected.end();
  assertEquals(suspected.started.map(({ retired }) => retired), [true]);
  suspected.add("c");
  await settled();
  assertEquals([suspected.ran, suspected.started.length], [["a", "b", "c"], 2]);
});

Deno.test("after a suspect that ended its process the next one gets another", async () => {
  const suspected = new Suspected();
  suspected.add("a", "b");
  await settled();
  await suspected.end(true);
  assertEquals([suspected.ran, suspected.started.length], [["a", "b"], 2]);
});

Deno.test("a suspect that was cancelled while it waited does not run", async () => {
  const suspected = new Suspected();
  suspected.add("a", "b", "c");
  await settled();
  const [, b] = [...suspected.parts.running.values()];
  suspected.parts.running.settle(b.id, { kind: "abandoned", reason: "cancelled" });
  await suspected.end();
  assertEquals(suspected.ran, ["a", "c"]);
});

Deno.test("a process that cannot be started ends no more than the suspect that it was for", async () => {
  const suspected = new Suspected();
  suspected.starts = false;
  suspected.add("a", "b");
  await settled();
  suspected.starts = true;
  await suspected.end();
  await suspected.end();
  assertEquals([suspected.ran, suspected.started.map(({ retired }) => retired)], [["a", "b"], [false, true]]);
});
