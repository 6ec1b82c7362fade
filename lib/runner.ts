import { join } from "node:path";
import { Clock } from "./amqp/clock.ts";
import { Connection } from "./amqp/connection.ts";
import { consumerCount } from "./amqp/consumer_count.ts";
import { DeclaringConnection } from "./amqp/declaring_connection.ts";
import { DeadLetters } from "./amqp/dead_letters.ts";
import { Outputs } from "./amqp/outputs.ts";
import { Publisher } from "./amqp/publisher.ts";
import { Replies, type ReplyRoute } from "./amqp/replies.ts";
import { Settler } from "./amqp/settle.ts";
import { Topology } from "./amqp/topology.ts";
import { delay } from "./backoff.ts";
import { type BrokerHost, brokerHostFor } from "./broker_host.ts";
import { DENO_CONFIG, localBrokerUrl, localName } from "./config.ts";
import type { Options } from "./options.ts";
import { describeError, WarrenError } from "./errors.ts";
import { type Entry, standing, view } from "./function_view.ts";
import { createApp } from "./http/app.ts";
import { IdleWatch } from "./http/idle_watch.ts";
import { readinessOf, whyIdle } from "./http/readiness.ts";
import { InvalidBody } from "./http/runner_view.ts";
import type { FunctionView, Patience, PublishRequest, Readiness, ReplyView, RunnerView } from "./http/runner_view.ts";
import { listen, type Listening } from "./http/server.ts";
import { type LoadedFunction, loadFunctions } from "./loader/loader.ts";
import { watchFunctions } from "./loader/watch.ts";
import type { Logger } from "./log.ts";
import { openStore } from "./once/open_store.ts";
import { MemoryWatch } from "./sandbox/memory_watch.ts";
import { Reaper } from "./sandbox/reaper.ts";
import { ServedFunction } from "./serving/served_function.ts";
import { openConsumer, openSandbox, type SandboxSurroundings, type Surroundings } from "./serving/surroundings.ts";
import { Suspects } from "./serving/suspects.ts";
import { within } from "./within.ts";

/** Message ids in one line of the log. */
const MAX_IDS = 20;
/**
 * Milliseconds to abort what still runs and to close everything after the drain. With the default drain the runner ends
 * within the 30 s that Kubernetes waits before it kills.
 */
export const CLOSE_LIMIT = 4_000;
/** Milliseconds that the start waits for the embedded broker, which may have much to read. */
const BROKER_PATIENCE = 3_000;

/**
 * The whole program: builds its parts in order, and takes them apart in the
 * reverse one. `start()`, then `quiet()` and `stop()`.
 */
export class Runner implements RunnerView {
  /** Resolves once it has stopped. */
  readonly finished: Promise<void>;
  readonly #options: Options;
  readonly #log: Logger;
  /** Absent where the broker is somebody else's. */
  readonly #host: BrokerHost | undefined;
  readonly #consuming: Connection;
  readonly #publishing: Connection;
  readonly #declaring: DeclaringConnection;
  readonly #topology: Topology;
  readonly #publisher: Publisher;
  readonly #replies: Replies;
  readonly #entries = new Map<string, Entry>();
  readonly #watching = new AbortController();
  readonly #surroundings: Surroundings;
  readonly #sandboxes: SandboxSurroundings;
  readonly #idleWatch = new IdleWatch({ why: (name) => this.#whyNobodyAnswers(name) });
  #files: readonly string[] = [];
  #listening: Listening | undefined;
  #started = false;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #finish!: () => void;
  #folder: string | undefined;

  constructor(options: Options, log: Logger) {
    this.#options = options;
    this.#log = log;
    this.finished = new Promise((resolve) => this.#finish = resolve);
    const host = brokerHostFor(options, log);
    this.#host = host;
    const { heartbeat, vhost, ca } = options;
    const urls = options.amqpUrl ?? (() => [localBrokerUrl(options, host?.address.port)]);
    const prepare = host && (() => host.ensure());
    const connect = (use: string) =>
      new Connection({ urls, heartbeat, vhost, ca, log, prepare, name: `${options.name} ${use}` });
    this.#consuming = connect("consuming");
    this.#publishing = connect("publishing");
    this.#publisher = new Publisher(this.#publishing);
    this.#replies = new Replies(this.#consuming);
    this.#declaring = new DeclaringConnection({
      urls: () => nowFirst(this.#consuming.url, typeof urls === "function" ? urls() : urls),
      name: `${options.name} declaring`,
      vhost,
      ca,
    });
    const topology = new Topology(log, { connection: this.#declaring, queueType: options.queueType });
    this.#topology = topology;
    const settler = new Settler({ connection: this.#publishing, publisher: this.#publisher, topology, log });
    const { maxBody } = options;
    const reaper = new Reaper(log);
    this.#sandboxes = {
      folder: "",
      configFile: DENO_CONFIG,
      memoryWatch: new MemoryWatch({ reaper, log }),
      reaper,
      once: {
        store: openStore(options.onceStore ?? { kind: "sqlite", path: join(options.data, "once.db") }, log),
        keep: options.onceKeep,
      },
    };
    const connection = this.#consuming;
    this.#surroundings = {
      log,
      suspects: new Suspects(),
      outputs: new Outputs({ connection: this.#publishing, publisher: this.#publisher, topology, log, maxBody }),
      settler,
      sandbox: (version, log) => openSandbox(version, this.#sandboxes, log),
      consumer: (options) => openConsumer(options, { connection, topology }),
      clock: (definition, log) => new Clock({ connection, topology, definition, log }),
    };
  }

  /**
   * Connects, loads and binds the functions, and serves HTTP. Does not wait for a
   * broker that is down: functions are bound when it is there.
   *
   * @throws {WarrenError} `config` when the folder, the port or the broker's port cannot be used
   */
  start(): Promise<void> {
    return this.#starting ??= this.#start();
  }

  async #start(): Promise<void> {
    this.#folder = await Deno.makeTempDir({ prefix: "warren-" });
    this.#sandboxes.folder = this.#folder;
    // Watched before they are read, so that no change in between is missed.
    const changes = this.#options.watch ? await this.#openWatch() : undefined;
    void this.#sandboxes.memoryWatch.start();
    await Promise.all([this.#connect(), this.#load()]);
    if (changes) void this.#follow(changes);
    if (this.#watching.signal.aborted) return;
    const { host, port, portAsked, apiToken: token, maxBody } = this.#options;
    const app = createApp(this, { token, maxBody, host, log: this.#log, closing: this.#watching.signal });
    this.#listening = listen(app, { host, port, portAsked, log: this.#log });
    this.#started = true;
    this.#log.info(`HTTP API at ${this.#listening.url}`);
  }

  /** Not ready any more, no new messages, no new versions; what runs goes on. */
  async quiet(): Promise<void> {
    this.#started = false;
    this.#watching.abort();
    // Whatever it still builds has to be taken apart as well.
    await this.#starting?.catch(() => {});
    await this.#listening?.shutdown();
    await Promise.all(this.#served().map((served) => served.drain()));
  }

  /**
   * Drains for up to `deadline` milliseconds, aborts what still runs (its messages go
   * back untouched), and closes everything. A second call waits for the first.
   */
  stop(deadline = this.#options.drainTimeout): Promise<void> {
    return this.#stopping ??= this.#stop(deadline);
  }

  async #stop(deadline: number): Promise<void> {
    const waiting = new AbortController();
    const drained = await Promise.race([
      this.quiet().then(() => true),
      delay(deadline, waiting.signal).then(() => false),
    ]);
    waiting.abort();
    if (!drained) {
      for (const served of this.#served()) this.#sayUnfinished(served, deadline);
    }
    const limit = new AbortController();
    const closed = await Promise.race([
      this.#close(drained),
      delay(CLOSE_LIMIT, limit.signal).then(() => false),
    ]);
    limit.abort();
    if (!closed) this.#log.warn("not everything could be closed in time; what was not settled comes again");
    this.#log.info("stopped");
    this.#finish();
  }

  /** Says whether all of it ended: functions that do not are left behind, and the rest is closed. */
  async #close(drained: boolean): Promise<boolean> {
    const limit = new AbortController();
    const closed = await Promise.race([
      this.#closeFunctions(drained).then(() => true),
      delay(CLOSE_LIMIT * 0.75, limit.signal).then(() => false),
    ]);
    limit.abort();
    await Promise.all([this.#consuming.close(), this.#publishing.close(), this.#declaring.close()]);
    await this.#host?.stop();
    if (this.#folder) await Deno.remove(this.#folder, { recursive: true }).catch(() => {});
    return closed;
  }

  async #closeFunctions(drained: boolean): Promise<void> {
    if (!drained) await Promise.all(this.#served().map((served) => served.abort()));
    await Promise.all(this.#served().map((served) => served.close()));
    await this.#sandboxes.reaper.close();
    await this.#sandboxes.once.store.close().catch((error) => {
      this.#log.error(`the store of once() could not be closed: ${describeError(error)}`);
    });
  }

  #sayUnfinished({ definition, running, messageIds }: ServedFunction, deadline: number): void {
    if (running === 0) return;
    const [what, whose] = running === 1
      ? ["invocation was", "its message goes"]
      : ["invocations were", "their messages go"];
    const more = messageIds.length - MAX_IDS;
    this.#log.warn(`${running} ${what} not done within ${deadline / 1000} s; ${whose} back to the queue`, {
      function: definition.name,
      messageIds: more > 0 ? [...messageIds.slice(0, MAX_IDS), `and ${more} more`] : messageIds,
    });
  }

  ready(): Readiness {
    const connections = [
      connectionCheck("broker: consuming", this.#consuming),
      connectionCheck("broker: publishing", this.#publishing),
    ];
    const { strictReady: strict } = this.#options;
    const { unanswered } = this.#topology;
    return readinessOf({ started: this.#started, connections, unanswered, functions: this.functions(), strict });
  }

  functions(): FunctionView[] {
    return [...this.#entries].map(([name, entry]) => view(name, entry));
  }

  localBroker(): { hostname: string; port: number } | undefined {
    const { amqpUrl, brokerHost, brokerPort } = this.#options;
    if (amqpUrl !== undefined) return undefined;
    return this.#host?.address ?? { hostname: localName(brokerHost), port: brokerPort };
  }

  async pause(name: string): Promise<boolean> {
    const served = this.#entries.get(name)?.served;
    await served?.pause();
    return served !== undefined;
  }

  resume(name: string): boolean {
    const served = this.#entries.get(name)?.served;
    served?.resume();
    return served !== undefined;
  }

  async publish(name: string, request: PublishRequest): Promise<void> {
    await this.#publish(name, request, undefined);
  }

  async request(name: string, request: PublishRequest, { wait, gone }: Patience): Promise<ReplyView | undefined> {
    const why = await this.#whyNobodyTakes(name);
    if (why !== undefined) throw new WarrenError("unavailable", `${why}; nothing was published`);
    const { value, idle } = await this.#idleWatch.during(name, gone, (gone) => {
      return this.#replies.request({ wait, gone }, (route) => this.#publish(name, request, route));
    });
    if (value !== undefined || idle === undefined) return value;
    throw new WarrenError("unavailable", `${idle}; message ${request.messageId} stays in its queue`);
  }

  /**
   * Why a message that is published now is not taken, here or in another runner; undefined where it is, or where that is
   * not known for lack of a connection.
   */
  async #whyNobodyTakes(name: string): Promise<string | undefined> {
    const entry = this.#entries.get(name);
    const why = entry && whyIdle(view(name, entry));
    if (why === undefined || !this.#consuming.state.connected) return undefined;
    const queue = entry?.served?.definition.queue.name;
    const others = queue === undefined ? 0 : await this.#consumers(queue).catch(() => 0);
    return others > 0 ? undefined : why;
  }

  /** The same for a message that was published before: what is running may still be the answer. */
  async #whyNobodyAnswers(name: string): Promise<string | undefined> {
    const served = this.#entries.get(name)?.served;
    // A consumer that lost its channel has another one in a moment.
    if (served && (served.running > 0 || served.state === "unavailable")) return undefined;
    return await this.#whyNobodyTakes(name);
  }

  async #consumers(queue: string): Promise<number> {
    return await within(5_000, async (signal) => consumerCount(await this.#consuming.opened(signal), queue));
  }

  async #publish(
    name: string,
    request: PublishRequest,
    reply: ReplyRoute | undefined,
  ): Promise<void> {
    const entry = this.#entries.get(name);
    const served = entry?.served;
    if (!served) {
      throw new WarrenError(
        "unavailable",
        `${entry ? whyIdle(view(name, entry)) : `function "${name}" is gone`}; it is not bound to a queue`,
      );
    }
    const { body, headers = {}, ...given } = request;
    // A function that cannot look at it now does so when its message comes.
    const { validates, envelope } = served.definition;
    const looks = validates || envelope !== undefined;
    const failure = looks
      ? await served.validate({ body, properties: given, headers }).catch(() => undefined)
      : undefined;
    if (failure) throw new InvalidBody(failure);
    const properties = { deliveryMode: 2, timestamp: new Date(), headers, ...given, ...reply };
    const message = { exchange: "", routingKey: served.definition.queue.name, body, properties };
    await within(10_000, (signal) => this.#publisher.publish(message, { channel: "http", signal }));
  }

  deadLetters(name: string): DeadLetters {
    const entry = this.#entries.get(name);
    const queue = entry && view(name, entry).queue;
    if (queue === undefined) throw new WarrenError("unavailable", `function "${name}" has no queue: it is broken`);
    return new DeadLetters({ connection: this.#consuming, publisher: this.#publisher, queue });
  }

  #served(): ServedFunction[] {
    return [...this.#entries.values()].flatMap(({ served }) => served ? [served] : []);
  }

  /** Only settings that are wrong are an error; any other broker that cannot be had is waited for. */
  async #connect(): Promise<void> {
    const ensured = this.#host?.ensure().catch((error) => {
      if (error instanceof WarrenError && error.code === "config") throw error;
    });
    const limit = new AbortController();
    const { signal } = this.#watching;
    const patience = delay(BROKER_PATIENCE, AbortSignal.any([limit.signal, signal]));
    await Promise.race([ensured, patience]).finally(() => limit.abort());
    if (signal.aborted) return;
    this.#consuming.start();
    this.#publishing.start();
    if (!this.#host) void this.#announceBroker();
  }

  async #announceBroker(): Promise<void> {
    try {
      await this.#consuming.opened();
      const { broker, url } = this.#consuming.state;
      this.#log.info(`broker: ${broker?.product} ${broker?.version} at ${url}`);
    } catch {
      // Stopped before there was one.
    }
  }

  async #openWatch(): Promise<AsyncGenerator<void> | undefined> {
    const { signal } = this.#watching;
    try {
      return await watchFunctions(this.#options.functionsDir, { files: () => [...this.#files], signal });
    } catch (error) {
      this.#log.error(`changes of the functions are not seen: ${describeError(error)}`);
    }
  }

  async #follow(changes: AsyncGenerator<void>): Promise<void> {
    try {
      for await (const _ of changes) {
        await this.#load().catch((error) => this.#log.error(`cannot read the functions: ${describeError(error)}`));
      }
    } catch (error) {
      this.#log.error(`changes of the functions are not seen any more: ${describeError(error)}`);
    }
  }

  /** Reads the folder, and brings what is served to what is there. */
  async #load(): Promise<void> {
    const { signal } = this.#watching;
    const { functions, files } = await loadFunctions(this.#options.functionsDir, {
      config: DENO_CONFIG,
      signal,
      log: this.#log,
      ceiling: this.#options.permissionsCeiling,
      download: this.#options.download,
    });
    if (signal.aborted) return;
    this.#files = files;
    const names = new Set(functions.map(({ name }) => name));
    const gone = [...this.#entries.keys()].filter((name) => !names.has(name));
    // Those that go first, so that a file that was renamed can keep its queue.
    for (const name of gone) this.#remove(name);
    await Promise.all(functions.map((loaded) => this.#bring(loaded)));
    if (functions.length === 0) {
      this.#log.warn(
        `no functions in ${this.#options.functionsDir}: drop a module there, or type: deno task new hello`,
      );
    }
  }

  async #bring(loaded: LoadedFunction): Promise<void> {
    const { name } = loaded;
    const entry = this.#entries.get(name) ?? { loaded, served: undefined, error: undefined };
    this.#entries.set(name, entry);
    const log = this.#log.child({ function: name });
    if ("error" in loaded) {
      if (loaded.error === entry.error) return;
      log.error(`${loaded.error}; ${standing(entry)}`);
      Object.assign(entry, { error: loaded.error });
      return;
    }
    const { definition } = loaded;
    const { served } = entry;
    if (served && served.definition.version === definition.version && served.state !== "broken") {
      Object.assign(entry, { loaded, error: undefined });
      return;
    }
    if (!definition.enabled) {
      if (served || entry.loaded !== loaded) log.info("disabled");
      Object.assign(entry, { loaded, served: undefined, error: undefined });
      if (served) void this.#end(name, served);
      return;
    }
    try {
      if (served) {
        if (!await served.replace(loaded)) return;
        log.info("serving a new version");
      } else {
        // What has to load before the runner is ready does not wait for a message.
        const warm = definition.warm || this.#options.strictReady;
        entry.served = new ServedFunction({ ...loaded, definition: { ...definition, warm } }, this.#surroundings);
        entry.served.start();
      }
      Object.assign(entry, { loaded, error: undefined });
    } catch (error) {
      entry.error = describeError(error);
      log.error(`the new version does not load: ${entry.error}; ${standing(entry)}`);
    }
  }

  #remove(name: string): void {
    const { served } = this.#entries.get(name)!;
    this.#entries.delete(name);
    this.#log.info("removed; its queue and the messages in it stay", { function: name });
    if (served) void this.#end(name, served);
  }

  async #end(name: string, served: ServedFunction): Promise<void> {
    try {
      const limit = new AbortController();
      await Promise.race([served.drain(), delay(this.#options.drainTimeout, limit.signal)]);
      limit.abort();
      await served.abort();
      await served.close();
      this.#log.debug("drained", { function: name });
    } catch (error) {
      this.#log.error(`could not be ended cleanly: ${describeError(error)}`, { function: name });
    }
  }
}

/** The broker that is connected to, and then the others. */
function nowFirst(now: string | undefined, urls: readonly string[]): readonly string[] {
  return now === undefined ? urls : [now, ...urls.filter((url) => url !== now)];
}

function connectionCheck(name: string, { state }: Connection): { name: string; ok: boolean; detail?: string } {
  return { name, ok: state.connected && !state.blocked, detail: state.detail };
}
