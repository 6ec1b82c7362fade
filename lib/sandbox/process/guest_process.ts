import { describeError } from "../../base/errors.ts";
import type { Failure } from "../../invocation/outcome.ts";
import { endsWithin } from "../../base/time/within.ts";
import type { MemoryWatch, Watched } from "../limits/memory_watch.ts";
import { LoadError } from "../handler/load_error.ts";
import { OutputBudget, readLines } from "./output.ts";
import { type CheckedFromGuest, checkedFromGuest, type Reported } from "./from_guest.ts";
import { FrameReader } from "../wire/frames.ts";
import { FrameWriter, type Sent } from "../wire/frame_writer.ts";
import type { ToGuest } from "../wire/protocol.ts";
import { Invocations, type Starting } from "../wire/invocations.ts";
import type { OnceCalls } from "../host/once_calls.ts";
import type { Reaper } from "../limits/reaper.ts";
import { Share, Turns } from "../../base/time/turns.ts";

/** What a process reports to its sandbox. */
export interface GuestProcessEvents {
  onMessage(message: Reported): void;
  /** One line of its standard output or standard error. */
  onOutput(stream: "stdout" | "stderr", line: string): void;
  /** The process has ended. Called once, after its last message and line. */
  onExit(reason: string): void;
}

export interface GuestProcessOptions {
  child: Deno.ChildProcess;
  listener: Deno.Listener;
  /** The function that it runs. */
  name: string;
  /** Limit of the resident memory in bytes. */
  memory: number;
  /** @default memory is not watched */
  memoryWatch?: MemoryWatch;
  reaper?: Reaper;
  /** Milliseconds for it to connect and load its module. */
  loadTimeout: number;
}

/** All processes share the runner's turns, so one that sends a lot does not block the others. */
const turns = new Turns();

/** Milliseconds for a process to end by itself after its connection closed. */
const EXIT_TIMEOUT = 500;
/** One that ends because it is not needed may still have spans to export. */
const RETIRE_TIMEOUT = 2_000;

/** One operating-system process that runs one function. */
export class GuestProcess implements Watched {
  /** Resolves once the module is loaded. Rejects with a `LoadError`. */
  readonly loaded: Promise<void>;
  readonly #child: Deno.ChildProcess;
  readonly #events: GuestProcessEvents;
  readonly #backlog: Sent<ToGuest>[] = [];
  readonly #invocations = new Invocations();
  readonly #stderr: string[] = [];
  #writer: FrameWriter<ToGuest> | undefined;
  #settleLoad!: (error?: LoadError) => void;
  #isLoaded = false;
  #failed = false;
  #killedFor: string | undefined;
  #connection: Deno.Conn | undefined;
  /** The number of log lines in the last read. */
  #logged = 0;
  /** Invocations that were sent to it and are not settled. */
  running = 0;
  /** Whether it answered the last ping. A process that is stuck does not. */
  responsive = true;
  /** It ends because it was idle or was asked to, so nothing crashed. */
  retired = false;
  ended = false;
  /** The calls of `once()`. Created with the first one. */
  once: OnceCalls | undefined;
  readonly memory: number;
  readonly name: string;
  /** How much it may still send and print. */
  readonly budget = new OutputBudget();

  constructor(options: GuestProcessOptions, events: GuestProcessEvents) {
    this.#events = events;
    this.loaded = new Promise((resolve, reject) => {
      this.#settleLoad = (error) => {
        if (!this.#isLoaded) this.#failed = error !== undefined;
        this.#isLoaded = true;
        if (error) reject(error);
        else resolve();
      };
    });
    this.loaded.catch(() => {}); // read by whoever waits for it; nobody has to
    this.memory = options.memory;
    this.name = options.name;
    this.#child = options.child;
    options.reaper?.watch(this.pid);
    options.memoryWatch?.add(this);
    void this.#child.status.then(() => {
      options.reaper?.forget(this.pid);
      options.memoryWatch?.delete(this);
    });
    const limit = setTimeout(() => {
      this.#failLoad({
        type: "LoadError",
        message: `it did not finish loading within ${options.loadTimeout / 1000} s`,
      });
    }, options.loadTimeout);
    this.loaded.finally(() => clearTimeout(limit)).catch(() => {});
    void this.#run(options.listener);
  }

  get pid(): number {
    return this.#child.pid;
  }

  get busy(): boolean {
    return this.running > 0 || !this.#isLoaded;
  }

  /** Whether it was killed. It may not have ended yet. */
  get killed(): boolean {
    return this.#killedFor !== undefined;
  }

  /** Whether its module is loaded and it is not ending. */
  get ready(): boolean {
    return this.#isLoaded && !this.#failed && !this.ended && !this.killed;
  }

  onExceeded(bytes: number): void {
    const [most, took] = [this.memory, bytes].map((size) => Math.round(size / 1024 / 1024));
    this.kill(`it took more memory than its limit of ${most} MB: ${took} MB`);
  }

  ping(): void {
    this.responsive = false;
    this.send(["ping"]);
  }

  /** Ends it without an error, since it is idle. */
  retire(): void {
    this.retired = true;
    if (!this.#connection) return this.kill("it was not needed any more");
    try {
      this.#connection.close();
    } catch {
      // It ended by itself.
    }
  }

  /** Starts an invocation. All of this turn of the event loop go in one message. */
  invoke(starting: Starting): void {
    this.#invocations.add(starting);
    if (this.#invocations.length === 1) this.send(() => this.#invocations.take());
  }

  /** The number of messages that it has not read yet. */
  get unsent(): number {
    return this.#writer?.pending ?? this.#backlog.length;
  }

  send(message: Sent<ToGuest>): void {
    if (this.#writer) this.#writer.send(message);
    else this.#backlog.push(message);
  }

  /** Kills the process. `onExit` follows with this reason. */
  kill(reason: string): void {
    this.#killedFor ??= reason;
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }

  async #run(listener: Deno.Listener): Promise<void> {
    const output = Promise.all([
      readLines(this.#child.stdout, this.budget, (line) => this.#say("stdout", line)).catch(() => {}),
      readLines(this.#child.stderr, this.budget, (line) => this.#onStderr(line)).catch(() => {}),
    ]);
    const exited = this.#child.status;
    const connection = await Promise.race([listener.accept().catch(() => undefined), exited.then(() => undefined)]);
    listener.close();
    let limit: ReturnType<typeof setTimeout> | undefined;
    if (connection) {
      this.#connection = connection;
      await this.#read(connection);
      try {
        connection.close();
      } catch {
        // It was closed to end the process.
      }
      // Without its connection a process is useless, and may be in an endless loop. One that is ending reports how.
      const patience = this.retired ? RETIRE_TIMEOUT : EXIT_TIMEOUT;
      limit = setTimeout(() => this.kill("its connection to the runner closed"), patience);
    }
    const status = await exited;
    clearTimeout(limit);
    // Child processes that it left behind may keep its output open for ever.
    await endsWithin(EXIT_TIMEOUT, output);
    const reason = this.#exitReason(status);
    this.ended = true;
    this.#settleLoad(new LoadError(this.#lastWords(reason)));
    this.#events.onExit(reason);
  }

  async #read(connection: Deno.Conn): Promise<void> {
    this.#writer = new FrameWriter<ToGuest>(connection, () => {});
    for (const message of this.#backlog.splice(0)) this.#writer.send(message);
    const reader = new FrameReader<unknown>();
    const chunk = new Uint8Array(256 * 1024);
    const share = new Share();
    try {
      for (;;) {
        const size = await connection.read(chunk);
        if (size === null || this.retired) return;
        this.#logged = 0;
        await turns.run(share, () => {
          for (const message of reader.push(chunk.subarray(0, size))) this.#receive(checkedFromGuest(message));
        });
        // Lines beyond the budget are dropped. Reading them costs time too, so a process that floods is read more
        // slowly.
        const pause = this.#logged > 0 ? this.budget.bytes(size) : 0;
        if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
      }
    } catch (error) {
      if (this.retired) return;
      this.kill(`it broke the protocol: ${describeError(error)}`);
    }
  }

  #receive(message: CheckedFromGuest): void {
    if (message[0] === "log") this.#logged++;
    if (message[0] === "ready") this.#onReady(message);
    else if (message[0] === "pong") this.responsive = true;
    else if (message[0] === "broken") this.#failLoad(message[1]);
    else this.#events.onMessage(message);
  }

  /** It loads once. What it says of that later is ignored. */
  #onReady(message: CheckedFromGuest & { 0: "ready" }): void {
    if (this.#isLoaded) return;
    this.#settleLoad();
    this.#events.onMessage(message);
  }

  #failLoad(failure: Failure): void {
    this.#settleLoad(new LoadError(failure));
    this.kill("its module could not be loaded");
  }

  #onStderr(line: string): void {
    this.#stderr.push(line);
    if (this.#stderr.length > 20) this.#stderr.shift();
    this.#say("stderr", line);
  }

  #say(stream: "stdout" | "stderr", line: string): void {
    if (this.budget.line()) this.#events.onOutput(stream, line);
  }

  #exitReason(status: Deno.CommandStatus): string {
    if (this.#killedFor) return this.#killedFor;
    if (this.#stderr.some((line) => /heap limit|out of memory/i.test(line))) {
      return `it ran out of memory: its limit is ${Math.round(this.memory / 1024 / 1024)} MB`;
    }
    return status.signal ? `it was killed by ${status.signal}` : `it exited with code ${status.code}`;
  }

  /** A process that ended before it reported why may have written the reason to standard error. */
  #lastWords(reason: string): Failure {
    const said = this.#stderr.join("\n").trim();
    return { type: "LoadError", message: said ? `${said} (${reason})` : reason };
  }
}
