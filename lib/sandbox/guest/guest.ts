import { type Result, toFailure } from "../../invocation/outcome.ts";
import type { Publication } from "../../invocation/publication.ts";
import { NumberMap } from "../../base/number_map.ts";
import { describeError } from "../../base/errors.ts";
import { runBatchInSpan, runInSpan } from "../handler/handler_span.ts";
import { BatchContext, type ContextHost, InvocationContext, type Logging } from "../handler/invocation_context.ts";
import { hideTracing, watchEnv } from "./guest_env.ts";
import { GuestOnce } from "./guest_once.ts";
import { FrameReader, onePiece } from "../wire/frames.ts";
import { FrameWriter } from "../wire/frame_writer.ts";
import { type FromGuest, MAX_FIELDS, type ToGuest } from "../wire/protocol.ts";
import { type Completion, Completions, unpackCompletions } from "../wire/completions.ts";
import { type Started, unpack } from "../wire/invocations.ts";
import { explained } from "../process/denied.ts";
import { inputSchemaText } from "../handler/input_schema_text.ts";
import { type Facts, type Loaded, toLoaded } from "../handler/loaded.ts";
import type { OnceLine } from "../handler/once_effects.ts";
import { Progress } from "../handler/progress.ts";
import type { Settled } from "../handler/run_batch.ts";
import { check } from "../handler/run_handler.ts";

/*
 * Runs inside a function's own process. The runner starts it with an entry of
 * one line, which imports this module and the function's: both are in the entry's
 * static graph, so reading them needs no permission.
 */

/** Saved before the function's module loads, which may replace them. */
const { Promise, setImmediate, setTimeout } = globalThis;

/**
 * Milliseconds for which handlers begin one after the other before their results are sent. Otherwise handlers that keep the
 * process busy would hold up each other's results, and with short handlers the broker, the runner and this process would
 * wait for each other in turn instead of working side by side.
 */
const SLICE = 0.25;
/** The most handlers that begin before new data is read: Deno reads nothing while it has other work to do. */
const DEAF = 50;

/** Milliseconds by which the clocks of two processes may differ, transfer included. */
const CLOCKS = 5;

/** An invocation that has not begun. */
interface Waiting {
  readonly started: Started;
  /** When it arrived, by the monotonic clock, and its time limit in milliseconds. */
  readonly came: number;
  readonly limit: number;
}

/** An invocation that has begun. */
interface Current {
  readonly started: Started;
  readonly context: InvocationContext;
  /** When its time is over, by the monotonic clock. */
  readonly until: number;
}

/** Maximum length of a log line in characters. The log would cut it there anyway. */
const MAX_TEXT = 16_384;

/**
 * Connects to the runner, loads the function and runs its handler for every
 * invocation that comes, until the runner is gone.
 */
export async function serve(path: string, facts: Facts, load: () => Promise<Record<string, unknown>>): Promise<void> {
  const connection = await Deno.connect({ transport: "unix", path });
  giveUp(path);
  closeStores();
  hideTracing();
  const writer: FrameWriter<FromGuest> = new FrameWriter(
    connection,
    () => Deno.exit(0),
    (message, error) => guest.unsendable(message, error),
  );
  const guest = new Guest(writer, facts);
  // A rejection that nobody awaited belongs to no invocation, and must not end the running ones.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    const { message, stack } = toFailure(event.reason);
    writer.send(["log", 0, "error", `unhandled rejection: ${message}`, JSON.stringify({ stack })]);
  });
  // A terminal sends Ctrl-C to the whole group, and a service manager its end: the runner drains, and ends this one last.
  if (Deno.build.os !== "windows") {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) Deno.addSignalListener(signal, () => {});
  }
  // Read from the start, so that a module whose load never ends still notices that the runner is gone.
  const { grants } = facts;
  if (grants) watchEnv((variable) => guest.looksAt(variable));
  load().then((module) => {
    guest.ready(module);
    tellUncaught(writer);
  }).catch((error) => writer.send(["broken", toFailure(grants ? explained(error, grants) : error)]));
  await guest.listen(connection);
  Deno.exit(0);
}

/**
 * Deno would print the error in several lines, and end. The runner logs it as one entry with its stack and ends this
 * process. What the module listens for itself comes first: it may have handled the error.
 */
function tellUncaught(writer: FrameWriter<FromGuest>): void {
  globalThis.addEventListener("error", (event) => {
    if (event.defaultPrevented) return;
    event.preventDefault();
    writer.answer(["uncaught", toFailure(event.error)]);
  });
}

/** The right to connect is no longer needed. What is left of it would let the function write a file of any size. */
function giveUp(path: string): void {
  const folder = path.slice(0, path.lastIndexOf("/"));
  for (const name of ["read", "write"] as const) {
    // Permissions that the config grants stay: revoking a narrower path would revoke the wider one too.
    if (Deno.permissions.querySync({ name, path: folder }).state === "granted") continue;
    Deno.permissions.revokeSync({ name, path });
  }
}

/** Deno stores these on disk without a permission. What a Worker stores there, only this function can read. */
function closeStores(): void {
  for (const name of ["localStorage", "sessionStorage", "caches"]) Reflect.deleteProperty(globalThis, name);
}

class Guest implements ContextHost {
  readonly #writer: FrameWriter<FromGuest>;
  readonly #running = new NumberMap<Current>();
  /** In the order in which they came. */
  readonly #waiting: Waiting[] = [];
  #beginning = false;
  readonly #once: GuestOnce;
  readonly #progress: Progress;
  /** The ids of invocations that completed since the last frame or the last log line. */
  #done: number[] | undefined;
  /** Completions with outputs or a result since then. */
  #left: Completions | undefined;
  /** The variables that it read without a permission since the last frame. */
  #looked: string[] | undefined;
  #loaded: Loaded;

  constructor(writer: FrameWriter<FromGuest>, facts: Facts) {
    this.#writer = writer;
    this.#once = new GuestOnce((message) => writer.send(message));
    this.#progress = new Progress((id, text) => {
      // As with a log line: sent before the end of its invocation.
      this.#done = this.#left = undefined;
      writer.send(["progress", id, text]);
    });
    const handler = () => {
      throw new Error("the function is not loaded");
    };
    this.#loaded = { ...facts, handler, input: undefined };
  }

  get name(): string {
    return this.#loaded.name;
  }

  once(id: number): OnceLine {
    return this.#once.line(id);
  }

  progress(id: number, text: string): void {
    if (this.#running.has(id)) this.#progress.report(id, text);
  }

  ready(module: Record<string, unknown>): void {
    this.#loaded = toLoaded(module, this.#loaded);
    this.#writer.send(["ready", inputSchemaText(this.#loaded.input)]);
  }

  /** Everything from one turn is sent together. */
  looksAt(variable: string): void {
    if (this.#looked) return void this.#looked.push(variable);
    const looked = this.#looked = [variable];
    this.#writer.send(() => {
      this.#looked = undefined;
      return ["env", looked];
    });
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
        this.#invokeAll(unpack(message));
        break;
      case "abort":
        this.#abort(message[1], message[2]);
        break;
      case "overdue": {
        const [, id, reason] = message;
        const left = this.#leftOf(id);
        if (left > CLOCKS) this.#writer.answer(["early", id, left]);
        else this.#abort(id, reason);
        break;
      }
      case "validate": {
        const [, call, content] = message;
        void check(content, this.#loaded).then((failure) => this.#writer.send(["validated", call, failure]));
        break;
      }
      case "follow":
        this.#follow(message[1]);
        break;
      case "ping":
        this.#writer.answer(["pong"]);
        break;
      case "once":
        this.#once.receive(message[1], message[2]);
        break;
    }
  }

  /** Who follows it wants to know what its handler returns, too. */
  #follow(id: number): void {
    const started = this.#running.get(id)?.started ?? this.#waiting.find(({ started }) => started.id === id)?.started;
    if (!started) return;
    started.wantsResult = true;
    this.#progress.follow(id);
  }

  #abort(id: number, reason: string): void {
    const at = this.#waiting.findIndex(({ started }) => started.id === id);
    if (at < 0) return this.#running.get(id)?.context.abort(new DOMException(reason, "AbortError"));
    this.#waiting.splice(at, 1);
    this.#writer.answer(["dropped", id]);
  }

  /** Milliseconds of its time limit. */
  #leftOf(id: number): number {
    const waiting = this.#waiting.find(({ started }) => started.id === id);
    return waiting?.limit ?? (this.#running.get(id)?.until ?? 0) - performance.now();
  }

  /** A batch arrives complete, in one message. */
  #invokeAll(all: readonly Started[]): void {
    const batches = new Map<number, Started[]>();
    const [came, now] = [performance.now(), Date.now()];
    for (const started of all) {
      if (started.batch === 0) this.#waiting.push({ started, came, limit: started.deadline - now });
      else batches.set(started.batch, [...batches.get(started.batch) ?? [], started]);
    }
    if (!this.#beginning) void this.#beginAll();
    for (const batch of batches.values()) void this.#invokeBatch(batch);
  }

  async #beginAll(): Promise<void> {
    this.#beginning = true;
    let now = performance.now();
    let [since, heard] = [now, now];
    for (let waiting = this.#waiting.shift(); waiting; waiting = this.#waiting.shift()) {
      this.#invoke(waiting, now);
      // By then its handler has been called.
      await null;
      now = performance.now();
      if (now - since < SLICE) continue;
      const deaf = now - heard >= DEAF;
      await new Promise((turn) => deaf ? setTimeout(turn, 0) : setImmediate(turn));
      since = now = performance.now();
      if (deaf) heard = now;
    }
    this.#beginning = false;
  }

  #invoke({ started, came, limit }: Waiting, now: number): void {
    const { id } = started;
    const context = this.#context(started, started.deadline + (now - came));
    this.#running.set(id, { started, context, until: now + limit });
    runInSpan(this.#loaded, started, context, (result) => {
      this.#running.delete(id);
      this.#progress.end(id);
      this.#end({ id, result, outputs: context.outputs });
    });
  }

  async #invokeBatch(batch: readonly Started[]): Promise<void> {
    const context = new BatchContext(this.#context(batch[0], batch[0].deadline));
    for (const started of batch) this.#running.set(started.id, { started, context: context.inner, until: 0 });
    const lineFor = (id: number) => this.#once.line(id);
    const onSettled = (settled: Settled) => {
      this.#running.delete(settled.id);
      this.#progress.end(settled.id);
      this.#end(settled);
    };
    await runBatchInSpan(this.#loaded, batch, context, lineFor, onSettled, (id, text) => this.progress(id, text));
  }

  #context(started: Started, deadline: number): InvocationContext {
    return new InvocationContext(this, started.id, started, deadline);
  }

  #end({ id, result, outputs }: Settled): void {
    if (result.kind === "completed") this.#complete(id, outputs, result.result);
    else if (result.kind === "failed") this.#writer.send(["result", id, "failed", result.failure, result.delay]);
    else this.#writer.send(["result", id, result.kind, result.failure, undefined]);
  }

  #complete(id: number, outputs: readonly Publication[], result: Result | undefined): void {
    if (outputs.length > 0 || result) return this.#leave({ id, outputs, result });
    if (this.#done) return void this.#done.push(id);
    const done = this.#done = [id];
    this.#writer.send(() => {
      if (this.#done === done) this.#done = undefined;
      return ["done", done];
    });
  }

  #leave(completion: Completion): void {
    if (this.#left && !this.#left.full) return this.#left.add(completion);
    const left = this.#left = new Completions();
    left.add(completion);
    this.#writer.send(() => {
      if (this.#left === left) this.#left = undefined;
      return left.pack();
    });
  }

  /** Only a function's outputs can contain something that cannot be serialized. A group is tried one by one. */
  unsendable(message: FromGuest, error: unknown): void {
    if (message[0] !== "completed") return;
    const [, bodies, ...rest] = message;
    const all = unpackCompletions([onePiece(bodies), ...rest]);
    if (all.length > 1) {
      for (const completion of all) {
        const alone = new Completions();
        alone.add(completion);
        this.#writer.send(alone.pack());
      }
      return;
    }
    const failure = { type: "PublishError", message: `an output cannot be published: ${describeError(error)}` };
    for (const { id } of all) this.#writer.send(["result", id, "failed", failure, undefined]);
  }

  /** Fields that JSON cannot represent are sent as text. */
  log({ id }: Logging, level: string, text: string, fields: Record<string, unknown> | undefined): void {
    // The runner forgets invocations that are over, so a log line is sent before the end of its invocation.
    this.#done = this.#left = undefined;
    this.#writer.send(["log", id, level, text.slice(0, MAX_TEXT), fields ? fieldsText(fields) : undefined]);
  }
}

function fieldsText(fields: Record<string, unknown>): string {
  try {
    const text: string | undefined = JSON.stringify(
      fields,
      (_, value) => typeof value === "bigint" ? `${value}` : value,
    );
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
