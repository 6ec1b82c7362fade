import { PAGING, type Paging, type Window } from "../../lib/broker/queue/lane.ts";
import { Logger } from "../../lib/base/log.ts";
import { encodeTable, type FieldTable } from "../../lib/broker/protocol/table.ts";
import type { Queue } from "../../lib/broker/queue/queue.ts";
import { Store } from "../../lib/broker/store/store.ts";
import { VirtualHost } from "../../lib/broker/routing/vhost.ts";
import { bodyOf } from "./messages.ts";

interface HostOptions {
  /** How much a queue keeps in memory at this moment. */
  window(): Window;
  paging: Paging;
  /** Bytes that wait in memory before they are written. */
  flushBytes: number | undefined;
}

const OPTIONS: HostOptions = {
  window: () => ({ entries: 100, bytes: 100_000 }),
  paging: PAGING,
  flushBytes: undefined,
};

/** A virtual host without connections, on a folder of its own. */
export class Host implements Disposable {
  vhost: VirtualHost;
  store: Store;
  readonly #options: HostOptions;
  readonly #folder: string;

  constructor(options: Partial<HostOptions> = {}) {
    this.#options = { ...OPTIONS, ...options };
    this.#folder = Deno.makeTempDirSync({ prefix: "warren-host-" });
    [this.store, this.vhost] = this.#open();
  }

  #open(): [Store, VirtualHost] {
    const { window, paging, flushBytes } = this.#options;
    const store = new Store(this.#folder, new Logger({ level: "silent" }), { flushBytes });
    return [store, new VirtualHost(store, window, paging)];
  }

  commit(): void {
    this.store.commitNow();
  }

  /** Ends, cleanly or, with everything on disk, by a crash, and starts again from what the disk has. */
  restart(clean: boolean): void {
    if (clean) {
      this.vhost.stop();
      this.store.close();
    } else {
      for (const queue of this.vhost.queues()) queue.stop();
      this.store.commitNow();
      this.store.abandon();
    }
    [this.store, this.vhost] = this.#open();
  }

  queue(name: string, args: FieldTable = {}): Queue {
    const options = { name, durable: true, autoDelete: false, owner: undefined };
    return this.vhost.addQueue({ ...options, argumentBytes: encodeTable(args) });
  }

  exchange(name: string, type: string, args: FieldTable = {}): void {
    const options = { name, type, durable: false, autoDelete: false, internal: false };
    this.vhost.addExchange({ ...options, arguments: encodeTable(args) });
  }

  /** Binds a queue or, where there is none of that name, an exchange. */
  bind(source: string, to: string, key = "", args: FieldTable = {}): void {
    const destination = this.vhost.queue(to) ?? this.vhost.exchange(to)!;
    this.vhost.bind(this.vhost.exchange(source)!, destination, key, encodeTable(args));
  }

  unbind(source: string, to: string, key = ""): void {
    this.vhost.unbind(this.vhost.exchange(source)!, this.vhost.queue(to)!, key, encodeTable({}));
  }

  /** What waits in a queue, taken out. */
  drain(name: string): { body: string; headers: FieldTable; exchange: string; routingKey: string }[] {
    const queue = this.vhost.queue(name)!;
    const all = [];
    for (let entry = queue.get(); entry; entry = queue.get()) {
      const message = queue.messageOf(entry);
      const { exchange, routingKey } = message.address;
      all.push({ body: bodyOf(message), headers: message.headers(), exchange, routingKey });
      queue.ack(entry);
    }
    return all;
  }

  [Symbol.dispose](): void {
    this.vhost.stop();
    this.store.close();
    Deno.removeSync(this.#folder, { recursive: true });
  }
}
