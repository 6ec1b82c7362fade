import { describeError, WarrenError } from "../../base/errors.ts";
import { shownUrl } from "../../base/secret_url.ts";

export interface ManagementOptions {
  /** `http://user:password@host:15672`, with a path where a proxy adds one. */
  url: string;
  /** The virtual host whose queues are asked for. */
  vhost: string;
  /** Used where the URL has no user: the one that connects by AMQP. */
  login?: { readonly user: string; readonly password: string };
  /** Milliseconds for an answer. @default 3_000 */
  patience?: number;
}

/** What the management API tells of a queue, as RabbitMQ and LavinMQ name it. Numbers may be some seconds old. */
export interface ManagedQueue {
  readonly name: string;
  readonly messages_ready?: number;
  readonly messages_unacknowledged?: number;
  readonly consumers?: number;
  /** When the message at the head was published, in seconds since 1970. RabbitMQ tells it for classic queues. */
  readonly head_message_timestamp?: number | null;
  readonly type?: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
  readonly effective_policy_definition?: Readonly<Record<string, unknown>> | null;
}

/** An answer, with the time on the broker's clock when it was given. */
export interface ManagementAnswer {
  readonly status: number;
  readonly body: unknown;
  /** Milliseconds since 1970, in whole seconds. */
  readonly date: number | undefined;
}

/** Queues that are asked for one by one; more are asked for as a list. */
const FEW = 4;
const PAGE = 500;
const COLUMNS = "name,messages_ready,messages_unacknowledged,consumers,head_message_timestamp";

/** The HTTP API of RabbitMQ's management plugin, and of LavinMQ, which has the same. It is only read. */
export class ManagementApi {
  readonly vhost: string;
  /** Without its password. */
  readonly shown: string;
  readonly #base: string;
  readonly #authorization: string;
  readonly #patience: number;

  constructor({ url, vhost, login, patience = 3_000 }: ManagementOptions) {
    const target = new URL(url);
    const user = target.username ? decodeURIComponent(target.username) : login?.user ?? "guest";
    const password = target.username ? decodeURIComponent(target.password) : login?.password ?? "guest";
    this.vhost = vhost;
    this.shown = shownUrl(url);
    this.#base = `${target.origin}${target.pathname.replace(/\/+$/, "")}/api`;
    this.#authorization = `Basic ${new TextEncoder().encode(`${user}:${password}`).toBase64()}`;
    this.#patience = patience;
  }

  /**
   * Those of the queues that are there, by name.
   *
   * @throws {WarrenError} `unavailable`, or `refused` if the user may not look
   */
  async queues(names: readonly string[], signal?: AbortSignal): Promise<Map<string, ManagedQueue>> {
    const found = names.length <= FEW
      ? await Promise.all(names.map((name) => this.queue(name, signal)))
      : await this.#all(new Set(names), signal);
    return new Map(found.filter((queue) => queue !== undefined).map((queue) => [queue.name, queue]));
  }

  /** The names of all queues of the virtual host. */
  async names(signal?: AbortSignal): Promise<string[]> {
    return (await this.#pages("name", signal)).map(({ name }) => name);
  }

  /** A queue with everything that the API reports; undefined if it does not exist. */
  async queue(name: string, signal?: AbortSignal): Promise<ManagedQueue | undefined> {
    const { status, body } = await this.get(`/queues/${this.#vhostPart}/${encodeURIComponent(name)}`, signal);
    return status === 404 ? undefined : body as ManagedQueue;
  }

  /**
   * Any path below `/api`.
   *
   * @throws {WarrenError} `unavailable`, or `refused` if the user may not look. 404 is an answer
   */
  async get(path: string, signal?: AbortSignal): Promise<ManagementAnswer> {
    const limit = AbortSignal.timeout(this.#patience);
    try {
      const response = await fetch(`${this.#base}${path}`, {
        headers: { authorization: this.#authorization, accept: "application/json" },
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
      if (response.status === 401 || response.status === 403) {
        await response.body?.cancel();
        throw new WarrenError("refused", `the management API at ${this.shown} refuses the user (${response.status})`);
      }
      if (!response.ok && response.status !== 404) {
        await response.body?.cancel();
        throw new WarrenError("unavailable", `the management API at ${this.shown} answers ${response.status}`);
      }
      const date = Date.parse(response.headers.get("date") ?? "");
      return { status: response.status, body: await response.json(), date: Number.isNaN(date) ? undefined : date };
    } catch (error) {
      if (error instanceof WarrenError) throw error;
      throw new WarrenError("unavailable", `the management API at ${this.shown}: ${describeError(error)}`);
    }
  }

  get #vhostPart(): string {
    return encodeURIComponent(this.vhost);
  }

  async #all(names: ReadonlySet<string>, signal?: AbortSignal): Promise<ManagedQueue[]> {
    return (await this.#pages(COLUMNS, signal)).filter(({ name }) => names.has(name));
  }

  async #pages(columns: string, signal?: AbortSignal): Promise<ManagedQueue[]> {
    const found: ManagedQueue[] = [];
    for (let page = 1;; page++) {
      const query = `columns=${columns}&page=${page}&page_size=${PAGE}&pagination=true`;
      const { body } = await this.get(`/queues/${this.#vhostPart}?${query}`, signal);
      const { items = [], page_count: pages = 1 } = body as { items?: ManagedQueue[]; page_count?: number };
      found.push(...items);
      if (page >= pages) return found;
    }
  }
}
