import { endsWithin } from "../../base/time/within.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Resolution } from "../../invocation/definition/resolution.ts";
import type { Observer } from "../../invocation/insight/ended.ts";
import type { MemoryWatch } from "../limits/memory_watch.ts";
import type { Reaper } from "../limits/reaper.ts";
import { sandboxCommand } from "./command.ts";
import { checkedOut, entryModule, type Sources } from "./entry.ts";
import type { Reported } from "./from_guest.ts";
import { GuestProcess } from "./guest_process.ts";
import { isTraced } from "./tracing_variables.ts";

export interface ProcessesOptions {
  definition: FunctionDefinition;
  sources: Sources;
  /** A folder of the runner, for sockets and copies of versions. */
  folder: string;
  /** How its imports are resolved. */
  resolution: Resolution | undefined;
  /** The socket of a PermissionBroker, which then decides about permissions. @default none */
  permissionBroker?: string;
  /** Milliseconds for the module to load. @default 10_000 */
  loadTimeout?: number;
  /** Shared by all sandboxes of a runner. @default memory is not watched */
  memoryWatch?: MemoryWatch;
  reaper?: Reaper;
  /** Gets cold starts, and what the sandbox has to report. */
  observer?: Observer;
}

/** What the processes report to their sandbox. */
export interface ProcessesEvents {
  onMessage(process: GuestProcess, message: Reported): void;
  /** One line of its standard output or standard error. */
  onOutput(process: GuestProcess, stream: "stdout" | "stderr", line: string): void;
  /** It has ended. If this returns a promise, the process counts as gone once that resolves. */
  onExit(process: GuestProcess, reason: string): Promise<void> | undefined;
}

/** Milliseconds that processes have at the end to send their spans, if tracing is on. */
const EXPORT_LIMIT = 2_000;

/** Numbers the sockets: all sandboxes of a runner have them in one folder. */
let sequence = 0;

/** The operating-system processes of one version of a function: starts them, and ends all that are left. */
export class Processes {
  readonly #options: ProcessesOptions;
  readonly #events: ProcessesEvents;
  /** Each process that is not gone, with a promise that resolves when it is. */
  readonly #exits = new Map<GuestProcess, Promise<void>>();
  #quiet = false;

  constructor(options: ProcessesOptions, events: ProcessesEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** The number of processes that are not gone. */
  get size(): number {
    return this.#exits.size;
  }

  /** Resolves once the process runs. Its module loads after that. */
  async start(): Promise<GuestProcess> {
    const socket = `${this.#options.folder}/${++sequence}.sock`;
    const command = await this.#command(socket);
    if (this.#quiet) throw new Error("the sandbox is closed");
    const listener = Deno.listen({ transport: "unix", path: socket });
    const process = this.#attach(spawned(command, listener), listener, socket);
    const since = performance.now();
    const { observer, definition } = this.#options;
    if (observer) process.loaded.then(() => observer.coldStart?.(definition, performance.now() - since), () => {});
    return process;
  }

  /** Starts no more processes. */
  quiet(): void {
    this.#quiet = true;
  }

  /** Ends all processes. Resolves once they are gone. */
  async close(): Promise<void> {
    this.quiet();
    if (isTraced({ OTEL_DENO: Deno.env.get("OTEL_DENO") })) await this.#exportSpans();
    for (const process of this.#exits.keys()) process.kill("the sandbox was closed");
    await Promise.all(this.#exits.values());
  }

  async #command(socket: string): Promise<Deno.Command> {
    const { definition, sources, folder, resolution: asked, permissionBroker } = this.#options;
    const copies = `${folder}/${definition.version}`;
    const { file, links, resolution } = await checkedOut(definition.file, sources, copies, { resolution: asked });
    const entry = entryModule(file, socket, definition);
    return sandboxCommand(definition, { entry, socket, links, resolution, permissionBroker });
  }

  /** Passes on what the process reports, until it is gone. */
  #attach(child: Deno.ChildProcess, listener: Deno.Listener, socket: string): GuestProcess {
    const { definition: { name, memory }, loadTimeout = 10_000, memoryWatch, reaper } = this.#options;
    const { promise: exited, resolve: markExited } = Promise.withResolvers<void>();
    const process = new GuestProcess({ child, listener, name, loadTimeout, memory, memoryWatch, reaper }, {
      onMessage: (message) => this.#events.onMessage(process, message),
      onOutput: (stream, line) => this.#events.onOutput(process, stream, line),
      onExit: (reason) => {
        Deno.remove(socket).catch(() => {});
        const left = this.#events.onExit(process, reason);
        const gone = () => {
          this.#exits.delete(process);
          markExited();
        };
        if (left) void left.then(gone);
        else gone();
      },
    });
    this.#exits.set(process, exited);
    return process;
  }

  /** A process that ends by itself sends the spans that it still has. */
  async #exportSpans(): Promise<void> {
    for (const process of this.#exits.keys()) process.retire();
    await endsWithin(EXPORT_LIMIT, Promise.all(this.#exits.values()));
  }
}

/** Nobody connects to the listener of a process that could not be started. */
function spawned(command: Deno.Command, listener: Deno.Listener): Deno.ChildProcess {
  try {
    return command.spawn();
  } catch (error) {
    listener.close();
    throw error;
  }
}
