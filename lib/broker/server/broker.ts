import { resolve } from "node:path";
import { WarrenError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { isLoopback } from "../../base/loopback.ts";
import { Alarms } from "./alarms.ts";
import { Connection, type ConnectionSurroundings } from "./connection.ts";
import type { Window } from "../queue/lane.ts";
import { LIMITS, type Limits } from "./limits.ts";
import { storageError } from "../store/open.ts";
import { Store } from "../store/store.ts";
import { TcpTransport, type Transport } from "./transport.ts";
import { Share, Turns } from "../../base/time/turns.ts";
import { VirtualHost } from "../routing/vhost.ts";
import { listenWebSocket, type WebSocketListener } from "./websocket_listener.ts";

export interface BrokerOptions {
  /** @default "127.0.0.1" */
  host: string;
  /** 0 means any free port. */
  port: number;
  /** Port for WebSocket. 0 means any free port, `undefined` no listener. */
  wsPort: number | undefined;
  /** The user chose the port, so it is an error if it is taken. Otherwise that is only a warning. */
  wsPortAsked: boolean;
  /** Is created if it does not exist. */
  dataDir: string;
  /** Passwords by user name. Empty means `guest`, on loopback only. */
  users: Record<string, string>;
  /** Resident memory in bytes. Above 80 % of it publishers wait. */
  memoryLimit: number;
  /** Free disk space in bytes. Below it publishers wait. */
  diskFreeLimit: number;
  /** The version that is reported to clients. */
  version: string;
  log: Logger;
  /** @default LIMITS */
  limits?: Partial<Limits>;
}

/** What each queue may keep in memory, normally and if memory is short. */
const WIDE: Window = { entries: 4096, bytes: 4 * 1024 * 1024 };
const NARROW: Window = { entries: 128, bytes: 128 * 1024 };
/** The share of the memory limit above which queues keep less in memory. */
const SHORT_OF_MEMORY = 0.6;
/** Milliseconds between two checks of the clients, and how many of those pass between two checks of disk and memory. */
const TICK = 250;
const ALARM_TICKS = 4;

/**
 * An embedded AMQP 0-9-1 broker for one machine. This class listens. The rest is in its connections, its virtual host
 * and its store.
 *
 * @example
 * ```ts ignore
 * const broker = await Broker.start({ host: "127.0.0.1", port: 5672, dataDir: ".warren", … });
 * await broker.stop();
 * ```
 */
export class Broker {
  readonly port: number;
  readonly wsPort: number | undefined;
  readonly #log: Logger;
  readonly #listener: Deno.TcpListener;
  /** `localhost` resolves to either, and some clients try only one. */
  readonly #listener6: Deno.TcpListener | undefined;
  readonly #webSocket: WebSocketListener | undefined;
  readonly #store: Store;
  readonly #vhost: VirtualHost;
  readonly #alarms: Alarms;
  readonly #limits: Limits;
  readonly #turns = new Turns();
  readonly #surroundings: ConnectionSurroundings;
  readonly #connections = new Set<Connection>();
  readonly #ticker: ReturnType<typeof setInterval>;
  #window = WIDE;
  #ticks = 0;
  #stopping: Promise<void> | undefined;

  /**
   * @throws {Deno.errors.AddrInUse} if the port is taken
   * @throws {WarrenError} `storage` if the data is locked, damaged or of a newer version; `config` if other machines
   * could connect although there are no users
   */
  // deno-lint-ignore require-await -- what is wrong rejects, and is not thrown
  static async start(options: BrokerOptions): Promise<Broker> {
    const users = Object.keys(options.users).length > 0 ? options.users : undefined;
    if (!users && !isLoopback(options.host)) {
      throw new WarrenError(
        "config",
        `the broker would listen on "${options.host}", where others reach it: name users for it in BROKER_USERS ` +
          "(name:password), or leave BROKER_HOST at 127.0.0.1",
      );
    }
    // Listens before it opens the data: only one process can get the port.
    const listener = Deno.listen({ hostname: options.host, port: options.port });
    try {
      return new Broker({ ...options, users: users ?? { guest: "guest" } }, listener);
    } catch (error) {
      listener.close();
      throw error;
    }
  }

  private constructor(options: BrokerOptions, listener: Deno.TcpListener) {
    this.#log = options.log;
    this.#listener = listener;
    this.port = listener.addr.port;
    if (options.host === "127.0.0.1") this.#listener6 = listenIpv6(this.port);
    this.#limits = { ...LIMITS, ...options.limits };
    this.#store = new Store(options.dataDir, options.log);
    this.#vhost = recovered(this.#store, () => this.#window);
    this.#alarms = new Alarms({ ...options, folder: resolve(options.dataDir) });
    const alarms = this.#alarms;
    this.#surroundings = {
      vhost: this.#vhost,
      store: this.#store,
      limits: this.#limits,
      turns: this.#turns,
      users: options.users,
      version: options.version,
      log: options.log,
      get alarm() {
        return alarms.current;
      },
      get shortOfMemory() {
        return alarms.hard;
      },
      released: (messages) => alarms.released(messages),
    };
    alarms.onChange = (alarm) => this.#alarmChanged(alarm);
    alarms.onRelief = () => {
      for (const connection of this.#connections) connection.wakeLater();
    };
    // During a flood, much memory is used between two checks.
    this.#turns.onTurn = () => this.#lookAtMemory();
    this.#store.onProblem = (problem) => alarms.storeProblem(problem);
    this.#ticker = setInterval(() => this.#tick(), TICK);
    this.#tick();
    try {
      const unread = this.#limits.webSocketBytes;
      this.#webSocket = listenWebSocket({ ...options, unread }, (transport, local) => this.#serve(transport, local));
    } catch (error) {
      this.#listener6?.close();
      this.#close();
      throw error;
    }
    this.wsPort = this.#webSocket?.port;
    void this.#accept(listener);
    if (this.#listener6) void this.#accept(this.#listener6);
  }

  /** Notifies the clients and closes the data. */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  async #stop(): Promise<void> {
    this.#listener.close();
    this.#listener6?.close();
    await Promise.all([...this.#connections].map((connection) => connection.stop()));
    await this.#webSocket?.close();
    this.#close();
  }

  #close(): void {
    clearInterval(this.#ticker);
    this.#turns.stop();
    this.#vhost.stop();
    this.#store.close();
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    const share = new Share();
    while (true) {
      try {
        const connection = await listener.accept();
        const transport = new TcpTransport(connection);
        const local = isLoopback(connection.remoteAddr.hostname);
        await this.#turns.run(share, () => this.#serve(transport, local));
      } catch (error) {
        if (this.#stopping || error instanceof Deno.errors.BadResource) return;
        // Too many open files, for example. They are freed as other connections close.
        this.#log.warn(`a connection could not be accepted: ${error instanceof Error ? error.message : error}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  #serve(transport: Transport, local: boolean): void {
    if (this.#stopping || this.#connections.size >= this.#limits.connections) {
      this.#log.warn(`a client is refused: there are ${this.#connections.size} connections`);
      return transport.close();
    }
    const connection = new Connection(transport, this.#surroundings, local);
    this.#connections.add(connection);
    void connection.serve().finally(() => this.#connections.delete(connection));
  }

  #tick(): void {
    const now = performance.now();
    for (const connection of this.#connections) connection.tick(now);
    if (this.#ticks++ % ALARM_TICKS === 0) this.#lookAtMemory();
  }

  #lookAtMemory(): void {
    this.#alarms.check();
    this.#window = this.#alarms.memoryUse > SHORT_OF_MEMORY ? NARROW : WIDE;
  }

  #alarmChanged(alarm: string | undefined): void {
    if (alarm) this.#log.warn(`${alarm}: publishers wait`);
    else this.#log.info("publishers may publish again");
    for (const connection of this.#connections) connection.alarmChanged();
  }
}

/** Recovers the definitions and messages from the store. @throws {WarrenError} `storage` */
function recovered(store: Store, window: () => Window): VirtualHost {
  try {
    return new VirtualHost(store, window);
  } catch (error) {
    store.abandon();
    throw error instanceof WarrenError ? error : storageError(store.folder, error);
  }
}

/** Listens on the same port of the other loopback address, if there is one and the port is free. */
function listenIpv6(port: number): Deno.TcpListener | undefined {
  try {
    return Deno.listen({ hostname: "::1", port });
  } catch {
    return undefined;
  }
}
