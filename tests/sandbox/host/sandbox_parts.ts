import type { Outcome } from "../../../lib/invocation/outcome.ts";
import type { Member } from "../../../lib/sandbox/host/pool.ts";
import { type RunningInvocation, RunningInvocations } from "../../../lib/sandbox/host/running_invocations.ts";
import type { GuestProcess } from "../../../lib/sandbox/process/guest_process.ts";
import { invocationOf } from "../../misbehaving/cage.ts";

/** The parts of a sandbox that needs no process. */
export class SandboxParts {
  /** Places that were given back. */
  readonly given: Member[] = [];
  readonly running = new RunningInvocations({ give: (member) => void this.given.push(member) });
  /** How invocations ended, as `name: kind`. */
  readonly ended: string[] = [];
  readonly outcomes: Outcome[] = [];

  /** An invocation that runs in that process. */
  begin(name: string, process?: GuestProcess, batch = 0): RunningInvocation {
    const onEnd = (outcome: Outcome, subject: unknown) => {
      this.ended.push(`${subject}: ${outcome.kind}`);
      this.outcomes.push(outcome);
    };
    const running = this.running.enter(invocationOf(name), batch, onEnd, name);
    running.process = process;
    if (process) process.running++;
    return running;
  }
}

/** A process that does not exist. It keeps what it was sent, and why it was killed. */
export class FakeProcess {
  running = 0;
  ended = false;
  retired = false;
  unsent = 0;
  once: unknown;
  readonly sent: unknown[] = [];
  readonly killed: string[] = [];
  readonly budget = { line: () => true };

  static make(more: Partial<FakeProcess> = {}): GuestProcess & FakeProcess {
    return Object.assign(new FakeProcess(), more) as unknown as GuestProcess & FakeProcess;
  }

  send(message: unknown): void {
    this.sent.push(message);
  }

  kill(reason: string): void {
    this.killed.push(reason);
  }

  retire(): void {
    this.retired = true;
  }
}
