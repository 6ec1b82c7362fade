import { type Result, toFailure } from "../invocation/outcome.ts";
import type { Publication } from "../invocation/publication.ts";
import { describeError } from "../errors.ts";
import { BatchContext, InvocationContext } from "./invocation_context.ts";
import { GuestOnce } from "./guest_once.ts";
import { FrameReader, FrameWriter, type FromGuest, MAX_FIELDS, type ToGuest } from "./protocol.ts";
import { type Started, unpack } from "./invocations.ts";
import { explained } from "./denied.ts";
import { type Facts, type Loaded, toLoaded } from "./loaded.ts";
import { runBatch, type Settled } from "./run_batch.ts";
import { check, runHandler } from "./run_handler.ts";

/*
 * Runs inside a function's own process. The runner starts it with an entry of
 * one line, which imports this module and the function's: both are in the entry's
 * static graph, so reading them needs no permission.
 */

/** Characters of a log line. The log cuts there as well: what is longer is not sent. */
const MAX_TEXT = 16_384;

/**
 * Connects to the runner, loads the function and runs its handler for every
 * invocation that comes, until the runner is gone.
 */
export async function serve(path: string, facts: Facts, load: () => Promise<Record<string, unknown>>): Promise<void> {
  const connection = await Deno.connect({ transport: "unix", path });
  giveUp(path);
  closeStores();
  const writer: FrameWriter<FromGuest> = new FrameWriter(
    connection,
    () => Deno.exit(0),
    (message, error) => guest.unsendable(message, error),
  );
  const guest = new Guest(writer, facts);
  // A rejection that nobody awaited belongs to no invocation; it must not end those that run.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    writer.send(["log", 0, "error", `unhandled rejection: ${describeError(event.reason)}`, undefined]);
  });
  // A terminal sends Ctrl-C to the whole group, and a service manager its end: the runner drains, and ends this one last.
  if (Deno.build.os !== "windows") {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) Deno.addSignalListener(signal, () => {});
  }
  // The socket is read from the start: a module whose load never ends still sees the runner go.
  load().then((module) => guest.ready(module)).catch((error) => writer.send(["broken", toFailure(explained(error))]));
  await guest.listen(connection);
  Deno.exit(0);
}

/** The right to connect is used up: what is left of it would be a file of any size, for a function that may write none. */
function giveUp(path: string): void {
  const folder = path.slice(0, path.lastIndexOf("/"));
  for (const name of ["read", "write"] as const) {
    // What the function's own config grants stays: a wider path would go with the narrower one.
    if (Deno.permissions.querySync({ name, path: folder }).state === "granted") continue;
    Deno.permissions.revokeSync({ name, path });
  }
}

/** Deno keeps these on the disk without a permission to write; what a Worker keeps there, only this function finds. */
function closeStores(): void {
  for (const name of ["localStorage", "sessionStorage", "caches"]) Reflect.deleteProperty(globalThis, name);
}

class Guest {
  readonly #writer: FrameWriter<FromGuest>;
  readonly #running = new Map<number, InvocationContext>();
  readonly #once: GuestOnce;
  /** The ids of what completed since the last frame. */
  #done: number[] = [];
  #loaded: Loaded;

  constructor(writer: FrameWriter<FromGuest>, facts: Facts) {
    this.#writer = writer;
    this.#once = new GuestOnce((message) => writer.send(message));
    const handler = () => {
      throw new Error("the function is not loaded");
    };
    this.#loaded = { ...facts, handler, input: undefined };
  }

  ready(module: Record<string, unknown>): void {
    this.#loaded = toLoaded(module, this.#loaded);
    this.#writer.send(["ready"]);
  }

  async listen(connection: Deno.Conn): Promise<void> {
    const reader = new FrameReader<ToGuest>();
    const chunk = new Uint8Array(256 * 1024);
    for (;;) {
      const size = await connection.read(chunk).catch(() => null);
      if (size === null) return;
      for (const message of reader.push(chunk.subarray(0, size))) this.#receive(message);
    }
  }

  #receive(message: ToGuest): void {
    switch (message[0]) {
      case "invoke":
        this.#invokeAll([...unpack(message)]);
        break;
      case "abort":
        this.#running.get(message[1])?.abort(new DOMException(message[2], "AbortError"));
        break;
      case "validate": {
        const [, call, content] = message;
        void check(content, this.#loaded).then((failure) => this.#writer.send(["validated", call, failure]));
        break;
      }
      case "ping":
        this.#writer.send(["pong"]);
        break;
      case "once":
        this.#once.receive(message[1], message[2]);
        break;
    }
  }

  /** Batches come whole, in one message. */
  #invokeAll(all: readonly Started[]): void {
    const batches = new Map<number, Started[]>();
    for (const started of all) {
      if (started.batch === 0) void this.#invoke(started);
      else batches.set(started.batch, [...batches.get(started.batch) ?? [], started]);
    }
    for (const batch of batches.values()) void this.#invokeBatch(batch);
  }

  async #invoke(started: Started): Promise<void> {
    const { id } = started;
    const context = this.#context(started);
    this.#running.set(id, context);
    const result = await runHandler(this.#loaded, started, context);
    this.#running.delete(id);
    this.#end({ id, result, outputs: context.outputs });
  }

  async #invokeBatch(batch: readonly Started[]): Promise<void> {
    const context = new BatchContext(this.#context(batch[0]));
    for (const { id } of batch) this.#running.set(id, context.inner);
    const lineFor = (id: number) => this.#once.line(id);
    await runBatch(this.#loaded, batch, context, lineFor, (settled) => {
      this.#running.delete(settled.id);
      this.#end(settled);
    });
  }

  #context(started: Started): InvocationContext {
    const { id, deadline } = started;
    return new InvocationContext(
      {
        name: this.#loaded.name,
        log: (level, text, fields) => this.#log(id, level, text, fields),
        once: () => this.#once.line(id),
      },
      started,
      deadline,
    );
  }

  #end({ id, result, outputs }: Settled): void {
    if (result.kind === "completed") this.#complete(id, outputs, result.result);
    else if (result.kind === "failed") this.#writer.send(["result", id, "failed", result.failure, result.delay]);
    else this.#writer.send(["result", id, result.kind, result.failure, undefined]);
  }

  #complete(id: number, outputs: readonly Publication[], result: Result | undefined): void {
    if (outputs.length > 0 || result) return this.#writer.send(["completed", id, outputs, result]);
    if (this.#done.push(id) > 1) return;
    this.#writer.send(() => {
      const ids = this.#done;
      this.#done = [];
      return ["done", ids];
    });
  }

  /** Only what a function publishes can have something in it that is no data. */
  unsendable(message: FromGuest, error: unknown): void {
    if (message[0] !== "completed") return;
    const failure = { type: "PublishError", message: `an output cannot be published: ${describeError(error)}` };
    this.#writer.send(["result", message[1], "failed", failure, undefined]);
  }

  /** Fields that JSON does not know are sent as their text. */
  #log(id: number, level: string, text: string, fields: Record<string, unknown> | undefined): void {
    this.#writer.send(["log", id, level, text.slice(0, MAX_TEXT), fields ? fieldsText(fields) : undefined]);
  }
}

function fieldsText(fields: Record<string, unknown>): string {
  try {
    const text: string | undefined = JSON.stringify(fields);
    if (text !== undefined && text.length <= MAX_FIELDS) return text;
  } catch {
    // Cyclic, or with a toJSON() that throws.
  }
  return JSON.stringify({ fields: inspected(fields).slice(0, MAX_TEXT) });
}

function inspected(value: unknown): string {
  try {
    return Deno.inspect(value);
  } catch (error) {
    return describeError(error);
  }
}
