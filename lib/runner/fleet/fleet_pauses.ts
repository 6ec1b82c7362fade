import type { PauseStore } from "../../amqp/fleet/pause_store.ts";
import { describeError, WarrenError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { TIMERS, type Timers } from "../../base/time/timers.ts";
import type { Fleet } from "../../invocation/insight/fleet.ts";
import type { PauseRequest } from "../../invocation/insight/operator_view.ts";
import type { Pause, PauseResult, RunnerStanding } from "../../invocation/insight/pause.ts";
import type { FunctionRegistry, Served } from "../function_registry.ts";
import { describePause } from "./pause_words.ts";

/** A connection's client, as the store of pauses wants it. */
type Client = Parameters<PauseStore["look"]>[0];

export interface FleetPausesOptions {
  store: Pick<PauseStore, "write" | "remove" | "look" | "read">;
  fleet: Pick<Fleet, "ask" | "answer" | "runners">;
  /** The name of this runner. */
  runner: string;
  functions: Pick<FunctionRegistry, "get" | "entries">;
  /** The connection that is there now, to look on. */
  client: () => Client | undefined;
  /** A function is paused or resumed. */
  onChange: () => void;
  log: Logger;
  /** Milliseconds between two looks at everything that is bound. @default 30_000 */
  interval?: number;
  /** Milliseconds for the other runners to follow. @default 2_000 */
  patience?: number;
  /** @default TIMERS */
  timers?: Timers;
  /** Milliseconds since 1970. @default Date.now */
  wallClock?: () => number;
}

/** The question with which runners tell each other that the pause of a queue has changed. */
const CHANGED = "pause-changed";
/** Queues that are looked at at the same time. */
const SIDE_BY_SIDE = 8;

/**
 * Pauses of functions, for this runner and for all of them.
 *
 * A pause for all is kept in the broker (pause_store.ts), by the name of the queue: all that compete for its messages stop.
 * A runner learns of it
 * 1. before it consumes, on each connection;
 * 2. when another runner says that something changed: it looks itself, and believes the broker alone;
 * 3. when it hears the others again, and every half minute, in case nobody could say it;
 * 4. at the time when the pause ends by itself.
 *
 * A pause in this runner alone is only here, and ends with the runner.
 */
export class FleetPauses {
  readonly #options: FleetPausesOptions;
  readonly #timers: Timers;
  /** Pauses for all that this runner knows of, by queue. */
  readonly #paused = new Map<string, Pause>();
  /** By queue, or by function for those of this runner: cancels what waits for the end of a pause. */
  readonly #ends = new Map<string, () => void>();
  #cancelLook = () => {};
  #running = false;

  constructor(options: FleetPausesOptions) {
    this.#options = options;
    this.#timers = options.timers ?? TIMERS;
    options.fleet.answer(CHANGED, (payload) => this.#changed(payload));
  }

  start(): void {
    this.#running = true;
    this.#lookLater();
  }

  stop(): void {
    this.#running = false;
    this.#cancelLook();
    for (const cancel of this.#ends.values()) cancel();
    this.#ends.clear();
  }

  /**
   * Resolves where a queue may be consumed. Where it is paused, its functions are, too.
   *
   * @throws {WarrenError} `unavailable` where it is paused, or the broker does not say
   */
  async gate(client: Client, queue: string): Promise<void> {
    if (!await this.#options.store.look(client, queue)) return;
    this.#apply(queue, this.#paused.get(queue) ?? {});
    void this.#explain(client, queue);
    throw new WarrenError("unavailable", describePause("everywhere", this.#paused.get(queue) ?? {}));
  }

  /**
   * Pauses a function; undefined where no runner knows it.
   *
   * @throws {WarrenError} `unavailable` or `refused` where the broker cannot keep it
   */
  async pause(name: string, request: PauseRequest): Promise<PauseResult | undefined> {
    const at = (this.#options.wallClock ?? Date.now)();
    const until = request.for === undefined ? undefined : at + request.for;
    const pause: Pause = { by: request.by, at, until };
    if (request.here) return await this.#pauseHere(name, pause, request.for);
    const queue = this.#queueOf(name);
    if (queue === undefined) return undefined;
    const held = await this.#options.store.write(queue, pause);
    this.#apply(queue, held);
    return await this.#tell(name, { queue, resumed: false });
  }

  /**
   * Resumes a function; undefined where no runner knows it. `here` ends the pause of this runner alone: where the function
   * is paused for all runners, it stays so.
   *
   * @throws {WarrenError} `unavailable` or `refused` where the broker keeps a pause that it does not give up
   */
  async resume(name: string, { here = false }: Pick<PauseRequest, "here"> = {}): Promise<PauseResult | undefined> {
    if (here) {
      const served = this.#options.functions.get(name)?.served;
      if (!served) return undefined;
      this.#cancelEnd(`here ${name}`);
      served.resume("here");
      this.#options.onChange();
      return { standings: [this.#standing(name, served)], silent: [] };
    }
    const queue = this.#queueOf(name);
    if (queue === undefined) return undefined;
    await this.#options.store.remove(queue);
    this.#lift(queue, { byOperator: true });
    return await this.#tell(name, { queue, resumed: true });
  }

  /** Looks at the queues of everything that is bound: nobody may have said what changed. */
  async lookAtAll(): Promise<void> {
    const client = this.#options.client();
    if (!client) return;
    const bound = [...this.#options.functions.entries()].flatMap(([, { served }]) =>
      served?.definition.queue.name ?? []
    );
    // Also those that no function has any more, so that they are forgotten.
    const queues = [...new Set([...bound, ...this.#paused.keys()])];
    const lookOn = async () => {
      for (let queue = queues.shift(); queue !== undefined; queue = queues.shift()) await this.#lookAt(client, queue);
    };
    try {
      await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lookOn));
    } catch (error) {
      this.#options.log.debug(`cannot find out what is paused for all runners: ${describeError(error)}`);
    }
  }

  async #pauseHere(name: string, pause: Pause, ms: number | undefined): Promise<PauseResult | undefined> {
    const served = this.#options.functions.get(name)?.served;
    if (!served) return undefined;
    this.#cancelEnd(`here ${name}`);
    await served.pause("here", describePause("here", pause));
    if (ms !== undefined) {
      this.#endIn(`here ${name}`, ms, () => {
        if (served.pauseEnded("here")) this.#options.onChange();
      });
    }
    this.#options.onChange();
    return { standings: [this.#standing(name, served)], silent: [] };
  }

  /** Another runner says that the pause of a queue changed. Anybody could have said it. */
  async #changed(payload: unknown): Promise<RunnerStanding[]> {
    const { queue, resumed } = (payload ?? {}) as { queue?: unknown; resumed?: unknown };
    if (typeof queue !== "string") return [];
    const client = this.#options.client();
    if (client && this.#servedOf(queue).length > 0) {
      await this.#lookAt(client, queue, resumed === true ? "resumed" : "paused");
    }
    return this.#servedOf(queue).map(([name, served]) => this.#standing(name, served));
  }

  /** @param told what another runner says that happened */
  async #lookAt(client: Client, queue: string, told?: "paused" | "resumed"): Promise<void> {
    if (!await this.#options.store.look(client, queue)) return this.#lift(queue, { byOperator: told === "resumed" });
    const known = this.#paused.get(queue);
    if (!known) this.#apply(queue, {});
    if (told !== undefined || known?.at === undefined) await this.#explain(client, queue);
  }

  /** Who paused it, and until when: it is paused already. */
  async #explain(client: Client, queue: string): Promise<void> {
    const pause = await this.#options.store.read(client, queue);
    if (pause && this.#paused.has(queue)) this.#apply(queue, pause);
  }

  #apply(queue: string, pause: Pause): void {
    const { wallClock = Date.now, onChange } = this.#options;
    this.#paused.set(queue, pause);
    for (const [, served] of this.#servedOf(queue)) void served.pause("everywhere", describePause("everywhere", pause));
    if (pause.until === undefined) this.#cancelEnd(queue);
    else this.#endIn(queue, Math.max(pause.until - wallClock(), 0) + 100, () => void this.#mayHaveEnded(queue));
    onChange();
  }

  #lift(queue: string, { byOperator }: { byOperator: boolean }): void {
    let changed = this.#paused.delete(queue);
    this.#cancelEnd(queue);
    for (const [name, served] of this.#servedOf(queue)) {
      changed = (byOperator ? this.#resume(name, served) : served.pauseEnded("everywhere")) || changed;
    }
    if (changed) this.#options.onChange();
  }

  #resume(name: string, served: Served): true {
    this.#cancelEnd(`here ${name}`);
    served.resume("everywhere");
    return true;
  }

  /** The broker's clock decides; it is asked again where it is behind. */
  async #mayHaveEnded(queue: string): Promise<void> {
    const client = this.#options.client();
    if (client) await this.#lookAt(client, queue).catch(() => {});
    if (this.#running && this.#paused.has(queue)) this.#endIn(queue, 1_000, () => void this.#mayHaveEnded(queue));
  }

  /** Tells the others, and gives how the function stands everywhere. */
  async #tell(name: string, change: { queue: string; resumed: boolean }): Promise<PauseResult> {
    const { fleet, patience = 2_000 } = this.#options;
    const { answers, silent } = await fleet.ask<unknown>(CHANGED, change, { limit: patience });
    const standings = answers.flatMap(({ runner, value }) => standingsIn(value).map((each) => ({ ...each, runner })));
    return { standings: standings.filter((standing) => standing.function === name), silent };
  }

  #queueOf(name: string): string | undefined {
    const { functions, fleet } = this.#options;
    const here = functions.get(name)?.served?.definition.queue.name;
    if (here !== undefined) return here;
    const others = fleet.runners().filter(({ gone, self }) => !gone && !self);
    return others.flatMap((runner) => runner.functions).find((each) => each.name === name && each.queue)?.queue;
  }

  #servedOf(queue: string): [name: string, served: Served][] {
    return [...this.#options.functions.entries()].flatMap(([name, { served }]) =>
      served?.definition.queue.name === queue ? [[name, served] as [string, Served]] : []
    );
  }

  #standing(name: string, { state, detail }: Served): RunnerStanding {
    return { runner: this.#options.runner, function: name, state, ...(detail === undefined ? {} : { detail }) };
  }

  #lookLater(): void {
    this.#cancelLook = this.#timers.after(this.#options.interval ?? 30_000, async () => {
      await this.lookAtAll();
      if (this.#running) this.#lookLater();
    });
  }

  #endIn(key: string, ms: number, end: () => void): void {
    this.#cancelEnd(key);
    // Longer than the longest timer: the rest is waited for then.
    const part = Math.min(ms, LONGEST_TIMER);
    const cancel = this.#timers.after(part, () => {
      this.#ends.delete(key);
      if (ms > part) this.#endIn(key, ms - part, end);
      else end();
    });
    this.#ends.set(key, cancel);
  }

  #cancelEnd(key: string): void {
    this.#ends.get(key)?.();
    this.#ends.delete(key);
  }
}

/** Milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** What another runner answered; it may be of another version. */
function standingsIn(value: unknown): RunnerStanding[] {
  return Array.isArray(value) ? value.filter((each) => typeof each?.function === "string") : [];
}
