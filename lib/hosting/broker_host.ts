import { brokerName } from "../amqp/client/known_brokers.ts";
import { type Found, probe } from "../amqp/client/probe.ts";
import { Backoff, delay } from "../base/time/backoff.ts";
import type { BrokerSettings } from "./broker_child.ts";
import { BrokerProcess, brokerSettings } from "./broker_process.ts";
import { localName, urlHost } from "../settings/config.ts";
import type { Options } from "../settings/options.ts";
import { describeError, WarrenError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";

export interface BrokerHostOptions extends BrokerSettings {
  /** `auto` joins any broker, `embedded` only Warren's. */
  mode: "auto" | "embedded";
  log: Logger;
}

/** The product name that Warren's broker announces. */
const PRODUCT = "Warren";
/** Milliseconds to wait for another broker that is ending or starting, before the attempt fails. */
const SETTLE = 2_000;
/** Milliseconds. If the broker ran at least this long, the next start is not delayed. */
const STEADY = 10_000;

const HINT = "choose another port with --broker-port, or set AMQP_URL";

/** A failure that may pass soon. */
class Passing extends WarrenError {}

/**
 * Makes sure that a broker runs at a port: joins the one that listens there, or starts the embedded one in a process of
 * its own.
 */
export class BrokerHost {
  readonly #options: BrokerHostOptions;
  readonly #log: Logger;
  readonly #stopped = new AbortController();
  readonly #backoff = new Backoff({ max: 10_000 });
  /** The earliest time of the next start. */
  #notBefore = 0;
  #failing = false;
  #port: number;
  #dataDir: string;
  #process: BrokerProcess | undefined;
  #ensuring: Promise<void> | undefined;
  #lastLogged = "";

  constructor(options: BrokerHostOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#port = options.port;
    this.#dataDir = options.dataDir;
  }

  /** The address of the broker, as seen from this machine. */
  get address(): { hostname: string; port: number } {
    return { hostname: localName(this.#options.host), port: this.#port };
  }

  /**
   * Resolves once a broker answers. Concurrent calls share one attempt.
   *
   * @throws {WarrenError} `config` if something else uses the port or a setting is wrong, `storage` if the data cannot
   * be used, otherwise `unavailable`
   */
  ensure(): Promise<void> {
    return this.#ensuring ??= this.#ensure().finally(() => this.#ensuring = undefined);
  }

  /** Ends the process if this host started it. Starts none after that. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#ensuring?.catch(() => {});
    await this.#process?.stop();
  }

  async #ensure(): Promise<void> {
    const { signal } = this.#stopped;
    const patience = performance.now() + (this.#failing ? 0 : SETTLE);
    for (let pause = 50; !signal.aborted; pause = Math.min(2 * pause, 400)) {
      try {
        if (await this.#find() || await this.#start()) {
          this.#failing = false;
          return;
        }
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof Passing) || performance.now() > patience) throw this.#fail(error);
      }
      await delay(pause, signal);
    }
    throw new WarrenError("unavailable", "stopping");
  }

  /** Whether there is a broker that may be used. Logs which one if that has changed. */
  async #find(): Promise<boolean> {
    if (this.#port === 0) return false;
    const found = await this.#probe();
    if (found.kind === "nothing") return false;
    if (this.#process) {
      const listens = `${urlHost(this.#options.host)}:${this.#port}`;
      return this.#tell(`embedded broker at ${listens}, data in ${this.#dataDir}`);
    }
    if (found.kind !== "broker") throw inTheWay(this.#place, found);
    const { product, version } = found.broker;
    const name = brokerName({ product, version });
    if (product !== PRODUCT && this.#options.mode === "embedded") {
      throw new WarrenError(
        "config",
        `at ${this.#place} there is ${name}, which --broker embedded does not use: ${HINT}`,
      );
    }
    this.#backoff.reset();
    this.#notBefore = 0;
    return this.#tell(
      product === PRODUCT
        ? `joined the embedded broker of another process at ${this.#place}`
        : `using ${name} at ${this.#place}`,
    );
  }

  async #probe(): Promise<Found> {
    const { hostname, port } = this.address;
    try {
      return await probe(hostname, port, { signal: this.#stopped.signal });
    } catch (error) {
      throw new WarrenError("unavailable", `cannot connect to ${this.#place}: ${describeError(error)}`);
    }
  }

  /** Whether the broker was started and answers. */
  async #start(): Promise<boolean> {
    const { signal } = this.#stopped;
    await this.#process?.stop(); // its port closes shortly before the process ends
    await delay(Math.max(this.#notBefore - performance.now(), 0), signal);
    if (signal.aborted) return false;
    try {
      const { mode: _mode, log, ...settings } = this.#options;
      const process = await BrokerProcess.start({ ...settings, port: this.#port }, log, signal);
      this.#process = process;
      this.#port = process.port;
      this.#dataDir = process.dataDir;
      void this.#watch(process);
    } catch (error) {
      // Another process was faster and will answer, or it uses the port on an address that this host does not probe.
      if (error instanceof Deno.errors.AddrInUse) throw new Passing("config", `${error.message}: ${HINT}`);
      // The process that used the data may be ending, or may be about to start its own broker.
      throw error instanceof WarrenError && error.code === "storage" ? new Passing("storage", error.message) : error;
    }
    return await this.#find();
  }

  async #watch(process: BrokerProcess): Promise<void> {
    const started = performance.now();
    const how = await process.ended;
    this.#process = undefined;
    this.#lastLogged = "";
    if (this.#stopped.signal.aborted) return;
    const steady = performance.now() - started > STEADY;
    if (steady) this.#backoff.reset();
    this.#notBefore = steady ? 0 : performance.now() + this.#backoff.next();
    this.#log.error(`the embedded broker ended: ${how}; its data is in ${this.#dataDir}`);
  }

  #tell(which: string): true {
    if (which !== this.#lastLogged) this.#log.info(which);
    this.#lastLogged = which;
    return true;
  }

  /** Logs a lasting failure only once. The caller logs that it tries again. */
  #fail(error: unknown): WarrenError {
    const failure = error instanceof WarrenError ? error : new WarrenError("unavailable", describeError(error));
    this.#failing = true;
    this.#notBefore = performance.now() + this.#backoff.next();
    if (failure.code !== "config" && failure.message !== this.#lastLogged) this.#log.error(failure.message);
    this.#lastLogged = failure.message;
    return failure;
  }

  get #place(): string {
    const { hostname, port } = this.address;
    return `${urlHost(hostname)}:${port}`;
  }
}

/** The broker host for the options. Undefined if another broker is to be used. */
export function brokerHostFor(options: Options, log: Logger): BrokerHost | undefined {
  const { amqpUrl, broker: mode } = options;
  if (amqpUrl !== undefined || mode === "none") return undefined;
  return new BrokerHost({ mode, log, ...brokerSettings(options) });
}

/** A broker that is ending closes the connection, and a busy one may answer later, so those may be tried again. */
function inTheWay(place: string, { kind, why }: Exclude<Found, { kind: "nothing" | "broker" }>): WarrenError {
  const found = `at ${place} there is something that is no AMQP broker`;
  if (kind === "stranger") return new WarrenError("config", `${found}, ${why}: ${HINT}`);
  if (kind === "closed") return new Passing("config", `${found}, ${why}: ${HINT}`);
  return new WarrenError("unavailable", `at ${place} there is something, but ${why}; if it is no AMQP broker, ${HINT}`);
}
