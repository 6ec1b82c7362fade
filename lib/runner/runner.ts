import { HeldPublisher } from "../amqp/publishing/held_publisher.ts";
import { Publisher } from "../amqp/publishing/publisher.ts";
import { TracedPublisher } from "../amqp/publishing/traced_publisher.ts";
import { Replies } from "../amqp/publishing/replies.ts";
import { describeError } from "../base/errors.ts";
import { FunctionRegistry } from "./function_registry.ts";
import { consoleWhenAsked } from "../console/console_when_asked.ts";
import { FunctionRequests } from "./function_requests.ts";
import { FunctionsFolder } from "./functions_folder.ts";
import { createApp } from "../http/app.ts";
import type { RunnerView } from "../http/runner_view.ts";
import { listen, type Listening } from "../http/server.ts";
import { HeldBack } from "../amqp/depth/held_back.ts";
import { HttpView } from "./http_view.ts";
import { MessageFollower } from "../telemetry/following/message_follower.ts";
import { Insight } from "../telemetry/insight.ts";
import { Operating } from "./operating/operating.ts";
import type { Logger } from "../base/log.ts";
import { MessageTracing } from "../telemetry/tracing/message_tracing.ts";
import { Spans } from "../invocation/tracing/spans.ts";
import type { Depth } from "../invocation/insight/depth.ts";
import { VERSION } from "../settings/config.ts";
import type { Options } from "../settings/options.ts";
import type { OperatorView } from "../invocation/insight/operator_view.ts";
import { RunnerOperator } from "./operator_view.ts";
import { OtherRunners } from "./operating/other_runners.ts";
import { RunNow } from "./operating/run_now.ts";
import { RunnerMetrics } from "./runner_metrics.ts";
import { type MayConsume, sandboxesOf, surroundingsOf } from "./shared_parts.ts";
import { RunnerBroker } from "./runner_broker.ts";
import { identify } from "./fleet/announcement.ts";
import { RunnerFleet } from "./fleet/runner_fleet.ts";
import { ServedFunction } from "../serving/served_function.ts";
import type { SandboxSurroundings } from "../serving/surroundings.ts";
import { endsWithin } from "../base/time/within.ts";

/**
 * Milliseconds after the drain to abort running invocations and close everything. With the default drain time, the
 * runner ends within the 30 s that Kubernetes waits before it kills.
 */
export const CLOSE_LIMIT = 4_000;

/**
 * The whole program. Creates its parts, starts them in order, and stops them in reverse order.
 *
 * `start()`:
 * 1. watches the functions folder, before anything in it is read;
 * 2. finds or starts the broker, and opens two connections to it (runner_broker.ts);
 * 3. at the same time loads the functions and binds them (functions_folder.ts, function_registry.ts);
 * 4. announces itself to the other runners (runner_fleet.ts), and serves HTTP (http_view.ts).
 *
 * `quiet()`:
 * 5. is not ready any more, and ignores file changes and HTTP requests;
 * 6. stops taking messages, and waits until no handler runs.
 *
 * `stop()`:
 * 7. does 5 and 6 until its deadline, and aborts handlers that still run: their messages return to the queue unchanged;
 * 8. closes functions, their processes and the store of once(), without waiting for parts that do not end;
 * 9. says goodbye to the other runners, closes the connections, and ends the embedded broker.
 */
export class Runner {
  /** The view for the HTTP API. */
  readonly view: RunnerView;
  /** What operators see and do, of all runners that share the broker. */
  readonly operator: OperatorView;
  /** Resolves once it has stopped. */
  readonly finished: Promise<void>;
  readonly #options: Options;
  /** As the other runners see it. */
  readonly #name: string;
  readonly #log: Logger;
  readonly #broker: RunnerBroker;
  readonly #functions: FunctionRegistry;
  readonly #fleet: RunnerFleet;
  readonly #folder: FunctionsFolder;
  readonly #sandboxes: SandboxSurroundings;
  readonly #insight: Insight;
  /** Absent where metrics are turned off. */
  readonly #metrics: RunnerMetrics | undefined;
  /** Aborts at `quiet()`. */
  readonly #quiet = new AbortController();
  readonly #finish: () => void;
  #listening: Listening | undefined;
  #started = false;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: Options, log: Logger) {
    const { strictReady, drainTimeout } = options;
    ({ promise: this.finished, resolve: this.#finish } = Promise.withResolvers<void>());
    this.#options = options;
    this.#log = log;
    const identity = identify(options.name);
    this.#name = identity.name;
    const spans = Spans.open();
    const tracing = spans && new MessageTracing(spans);
    const metrics = this.#metrics = options.metricsFunctions > 0
      ? new RunnerMetrics(options.metricsFunctions)
      : undefined;
    const observers = [metrics?.observer, tracing];
    const insight = this.#insight = new Insight({ options, log, runner: identity.name, others: observers });
    this.#sandboxes = sandboxesOf({ options, log, insight });
    const broker = this.#broker = new RunnerBroker(options, log);
    const publisher = new Publisher(broker.publishing);
    const replies = new Replies(broker.consuming);
    const heldBack = new HeldBack();
    const traced = tracing ? new TracedPublisher(publisher, tracing) : publisher;
    const counted = heldBack.counting(traced);
    const mayConsume: MayConsume = (client, queue) => this.#fleet.pauses.gate(client, queue);
    const parts = {
      options,
      log,
      broker,
      publisher: counted,
      replies,
      insight,
      tracing,
      mayConsume,
      sandboxes: this.#sandboxes,
    };
    const surroundings = surroundingsOf(parts);
    const open = (version: ConstructorParameters<typeof ServedFunction>[0]) =>
      new ServedFunction(version, surroundings);
    const functions = this.#functions = new FunctionRegistry({ log, open, warm: strictReady, drainTimeout });
    const fleet = this.#fleet = new RunnerFleet({ identity, broker, publisher, functions, heldBack, log });
    this.#folder = new FunctionsFolder({
      options,
      registry: functions,
      log,
      signal: this.#quiet.signal,
      folder: () => this.#sandboxes.folder,
    });
    const held = new HeldPublisher({ connection: broker.publishing, publisher: counted, topology: broker.topology });
    const consumers = (queue: string) => broker.consumers(queue);
    const requests = new FunctionRequests({ functions, publisher: traced, held, replies, consumers });
    const others = new OtherRunners(fleet.fleet);
    const onMeasured = (depths: readonly Depth[]) => {
      for (const depth of depths) insight.history.measured(depth.function, depth);
    };
    const operating = new Operating({ options, functions, broker, heldBack, others, log, onMeasured });
    const runNow = new RunNow({ functions, publisher: traced });
    const checks = () => this.view.ready().checks;
    const { pauses } = fleet;
    this.operator = new RunnerOperator({ insight, fleet: fleet.fleet, pauses, operating, runNow, checks });
    const { memoryWatch } = this.#sandboxes;
    const [records, depths] = [() => insight.records(), () => operating.depths.all()];
    metrics?.measure({ functions, broker, memoryWatch, records, depths });
    const started = () => this.#started;
    this.view = new HttpView({
      functions,
      requests,
      broker,
      publisher,
      started,
      strict: strictReady,
    });
  }

  /**
   * Does not wait for a broker that is down: functions are bound when it is back.
   *
   * @throws {WarrenError} `config` if the folder, the port or the broker's port cannot be used
   */
  start(): Promise<void> {
    return this.#starting ??= this.#start();
  }

  async #start(): Promise<void> {
    const { signal } = this.#quiet;
    this.#sandboxes.folder = await Deno.makeTempDir({ prefix: "warren-" });
    if (this.#options.learnPermissions) this.#log.warn("learning permissions: every function may do everything");
    if (this.#options.watch) await this.#folder.watch();
    void this.#sandboxes.memoryWatch.start();
    this.#fleet.start();
    await this.#metrics?.start(this.#log);
    await Promise.all([this.#broker.start(signal), this.#folder.load()]);
    void this.#folder.follow();
    if (signal.aborted) return;
    this.#serveHttp();
    this.#started = true;
    this.#log.info(`HTTP API at ${this.#listening?.url}`);
  }

  #serveHttp(): void {
    const { host, port, portAsked, apiToken: token, apiReadToken: readToken, maxBody } = this.#options;
    const [log, closing, metrics] = [this.#log, this.#quiet.signal, this.#metrics];
    const place = { runner: this.#name, version: VERSION };
    const pages = consoleWhenAsked(this.view, this.operator, { place, maxBody, log, live: { closing } });
    const options = { token, readToken, maxBody, host, log, closing, pages, metrics, messages: this.#messages() };
    const app = createApp(this.view, this.operator, options);
    this.#listening = listen(app, { host, port, portAsked, log: this.#log });
  }

  #messages(): MessageFollower {
    const [{ fleet: news }, { followed }] = [this.#fleet, this.#insight];
    const running = (messageId: string) => this.#functions.follow(messageId);
    return new MessageFollower({ news, followed, runs: this.operator, running });
  }

  /**
   * Makes the runner not ready, and stops new messages and reloads. Running handlers continue. Resolves once none runs.
   */
  async quiet(): Promise<void> {
    this.#started = false;
    this.#quiet.abort();
    // Waits for the start, since its parts have to be closed as well.
    await this.#starting?.catch(() => {});
    await this.#listening?.shutdown();
    await this.#functions.drain();
  }

  /**
   * Drains for up to `deadline` milliseconds, aborts running handlers (their messages return unchanged), and closes
   * everything. A second call waits for the first.
   */
  stop(deadline = this.#options.drainTimeout): Promise<void> {
    return this.#stopping ??= this.#stop(deadline);
  }

  async #stop(deadline: number): Promise<void> {
    const drained = await endsWithin(deadline, this.quiet());
    if (!drained) this.#functions.logUnfinished(deadline);
    let complete = false;
    const closing = this.#close(drained).then((all) => complete = all);
    if (!await endsWithin(CLOSE_LIMIT, closing) || !complete) {
      this.#log.warn("not everything could be closed in time; unsettled messages are delivered again");
    }
    this.#log.info("stopped");
    this.#finish();
  }

  /** Returns whether everything ended. Does not wait for functions that do not end; the rest is closed. */
  async #close(drained: boolean): Promise<boolean> {
    const closed = await endsWithin(CLOSE_LIMIT * 0.75, this.#closeFunctions(drained));
    await this.#fleet.close();
    this.#metrics?.close();
    await this.#broker.close();
    await this.#insight.close();
    const { folder } = this.#sandboxes;
    if (folder !== "") await Deno.remove(folder, { recursive: true }).catch(() => {});
    return closed;
  }

  async #closeFunctions(drained: boolean): Promise<void> {
    if (!drained) await this.#functions.abort();
    await this.#functions.close();
    this.#sandboxes.learning?.tell();
    await this.#sandboxes.learning?.[Symbol.asyncDispose]();
    await this.#sandboxes.reaper.close();
    await this.#sandboxes.once.store.close().catch((error) => {
      this.#log.error(`the store of once() could not be closed: ${describeError(error)}`);
    });
  }
}
