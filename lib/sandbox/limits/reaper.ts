import { Backoff, delay } from "../../base/time/backoff.ts";
import { describeError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";

/**
 * Reads `+ PID` and `- PID`, and kills the processes that are left when its input ends, which it does however the runner
 * ends. `? PID PID…` is answered by one line with each process and its resident pages. The first line it writes says how
 * many kilobytes and how many pages the shell itself takes: their ratio is the size of a page. Only builtins are used,
 * so nothing is forked. It ignores signals to the whole group, and a runner that no longer reads.
 */
const SCRIPT = `
trap '' INT TERM HUP PIPE
pids=" " kilobytes= pages=
read -r pages rest < /proc/$$/statm
while read -r key value rest; do
  case $key in VmSize:) kilobytes=$value ;; esac
done < /proc/$$/status
echo "page $kilobytes $pages"
while read -r what rest; do
  case $what in
    +) pids="$pids$rest " ;;
    -) case $pids in *" $rest "*) pids="\${pids%% $rest *} \${pids#* $rest }" ;; esac ;;
    \\?)
      found=memory
      for pid in $rest; do
        if read -r size resident others < "/proc/$pid/statm"; then found="$found $pid $resident"; fi
      done
      echo "$found" ;;
  esac
done
for pid in $pids; do kill -9 "$pid"; done
`;

export interface ReaperOptions {
  /** @default "/bin/sh" */
  shell?: string;
  /** Milliseconds for an answer. A shell that takes longer is replaced. @default 10_000 */
  patience?: number;
}

/** A running shell. */
interface Shell {
  readonly child: Deno.ChildProcess;
  readonly input: WritableStreamDefaultWriter<Uint8Array>;
  /** Size of a page in bytes. 0 if the shell cannot read memory. */
  readonly pageSize: PromiseWithResolvers<number>;
  /** Resolves the current question. */
  answer: PromiseWithResolvers<ReadonlyMap<number, number> | undefined> | undefined;
}

/**
 * A shell of a few hundred kilobytes beside the functions' processes. It kills those that are left when the runner
 * ends: one in an endless loop does not notice that its connection is gone, and a runner that was killed cannot kill.
 * It also reads how much memory they take: Deno reads nothing below /proc unless it has every permission.
 */
export class Reaper {
  readonly #log: Logger;
  readonly #command: string;
  readonly #patience: number;
  readonly #pids = new Set<number>();
  readonly #backoff = new Backoff({ initial: 100 });
  readonly #closed = new AbortController();
  #shell: Shell | undefined;
  /** The shell runs, or starts again after a pause. */
  #started = false;

  constructor(log: Logger, { shell = "/bin/sh", patience = 10_000 }: ReaperOptions = {}) {
    this.#log = log;
    this.#command = shell;
    this.#patience = patience;
  }

  /** Starts the shell now instead of with the first process. Returns whether it can read memory. */
  async start(): Promise<boolean> {
    this.#ensure();
    return (await this.#shell?.pageSize.promise ?? 0) > 0;
  }

  watch(pid: number): void {
    this.#pids.add(pid);
    if (this.#shell) this.#say(`+ ${pid}\n`);
    else this.#ensure();
  }

  forget(pid: number): void {
    if (this.#pids.delete(pid)) this.#say(`- ${pid}\n`);
  }

  /**
   * Resident bytes by process, of those that there are. One question at a time. `undefined` where nobody can tell now:
   * why is in the log.
   */
  async residentMemory(pids: readonly number[]): Promise<ReadonlyMap<number, number> | undefined> {
    const shell = this.#shell;
    if (!shell || (await shell.pageSize.promise) === 0) return undefined;
    shell.answer = Promise.withResolvers();
    const limit = setTimeout(() => kill(shell), this.#patience);
    this.#say(`? ${pids.join(" ")}\n`);
    try {
      return await shell.answer.promise;
    } finally {
      clearTimeout(limit);
    }
  }

  /** Kills the remaining processes and ends. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#shell?.input.close().catch(() => {});
  }

  #ensure(): void {
    if (this.#started || this.#closed.signal.aborted || Deno.build.os === "windows") return;
    this.#started = true;
    try {
      const child = new Deno.Command(this.#command, {
        args: ["-c", SCRIPT],
        stdin: "piped",
        stdout: "piped",
        stderr: "null",
        clearEnv: true,
      }).spawn();
      child.unref();
      const pageSize = Promise.withResolvers<number>();
      this.#shell = { child, input: child.stdin.getWriter(), pageSize, answer: undefined };
      for (const pid of this.#pids) this.#say(`+ ${pid}\n`);
      void this.#live(this.#shell);
    } catch (error) {
      this.#log.warn(
        `no shell beside the functions' processes: they may outlive a runner that is killed: ${describeError(error)}`,
      );
    }
  }

  /** Runs until it ends. A shell that was killed is started again with the same processes. */
  async #live(shell: Shell): Promise<void> {
    const limit = setTimeout(() => kill(shell), this.#patience);
    void shell.pageSize.promise.then(() => clearTimeout(limit));
    await readLines(shell.child.stdout, (line) => this.#receive(shell, line)).catch(() => {});
    const { code, signal } = await shell.child.status;
    this.#shell = undefined;
    shell.pageSize.resolve(0);
    shell.answer?.resolve(undefined);
    if (this.#closed.signal.aborted) return;
    const wait = this.#backoff.next();
    const how = signal ?? `with code ${code}`;
    this.#log.warn(`the shell beside the functions' processes ended (${how}); another one starts in ${wait} ms`);
    await delay(wait, this.#closed.signal);
    this.#started = false;
    this.#ensure();
  }

  #receive(shell: Shell, line: string): void {
    const [what, ...rest] = line.split(" ");
    const numbers = rest.map(Number);
    if (what === "page") shell.pageSize.resolve(pageSizeOf(numbers));
    else void shell.pageSize.promise.then((size) => shell.answer?.resolve(bytesByPid(numbers, size)));
    if (what === "memory") this.#backoff.reset();
  }

  #say(line: string): void {
    this.#shell?.input.write(new TextEncoder().encode(line)).catch(() => {});
  }
}

/** Pages are powers of two. The two figures were read one after the other, so their ratio is rounded. */
function pageSizeOf([kilobytes, pages]: number[]): number {
  return kilobytes > 0 && pages > 0 ? 2 ** Math.round(Math.log2(kilobytes * 1024 / pages)) : 0;
}

function bytesByPid(numbers: readonly number[], pageSize: number): ReadonlyMap<number, number> {
  const bytes = new Map<number, number>();
  for (let at = 0; at + 1 < numbers.length; at += 2) bytes.set(numbers[at], numbers[at + 1] * pageSize);
  return bytes;
}

async function readLines(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    lines.forEach(onLine);
  }
}

function kill({ child }: Shell): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended already.
  }
}
