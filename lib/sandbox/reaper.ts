import { describeError } from "../errors.ts";
import type { Logger } from "../log.ts";

/**
 * Reads `+ PID` and `- PID`, and at the end of its input, which is the end of the runner in whatever way, kills the
 * processes that are left. Signals to the whole group are not for it.
 */
const SCRIPT = `
trap '' INT TERM HUP
pids=" "
while read -r what pid; do
  case $what in
    +) pids="$pids$pid " ;;
    -) case $pids in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
  esac
done
for pid in $pids; do kill -9 "$pid" 2>/dev/null; done
`;

/**
 * Sees to it that no function's process outlives the runner: one in an endless loop does not see that its connection
 * is gone, and a runner that was killed cannot kill any more. It is a shell of a few hundred kilobytes.
 */
export class Reaper {
  readonly #log: Logger;
  readonly #pids = new Set<number>();
  #input: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #closed = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  watch(pid: number): void {
    this.#pids.add(pid);
    if (this.#input) this.#say(`+ ${pid}\n`);
    else this.#start();
  }

  forget(pid: number): void {
    if (this.#pids.delete(pid)) this.#say(`- ${pid}\n`);
  }

  /** Kills what is left, and ends. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#input?.close().catch(() => {});
  }

  #start(): void {
    if (this.#closed || Deno.build.os === "windows") return;
    try {
      const shell = new Deno.Command("/bin/sh", {
        args: ["-c", SCRIPT],
        stdin: "piped",
        stdout: "null",
        stderr: "null",
        clearEnv: true,
      }).spawn();
      shell.unref();
      this.#input = shell.stdin.getWriter();
      // Killed by somebody, it comes again with what it has to know.
      void shell.status.then(() => {
        this.#input = undefined;
        if (this.#pids.size > 0) this.#start();
      });
      for (const pid of this.#pids) this.#say(`+ ${pid}\n`);
    } catch (error) {
      this.#log.warn(`a function's process may outlive a runner that is killed: ${describeError(error)}`);
    }
  }

  #say(line: string): void {
    this.#input?.write(new TextEncoder().encode(line)).catch(() => {});
  }
}
