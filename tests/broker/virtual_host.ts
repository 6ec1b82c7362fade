import { Logger } from "../../lib/log.ts";
import { encodeTable, type FieldTable } from "../../lib/broker/protocol/table.ts";
import type { Queue } from "../../lib/broker/queue.ts";
import { Store } from "../../lib/broker/store/store.ts";
import { VirtualHost } from "../../lib/broker/vhost.ts";
import { bodyOf } from "./messages.ts";

/** A virtual host without connections, on a folder of its own. */
export class Host implements Disposable {
  readonly vhost: VirtualHost;
  readonly store: Store;
  readonly #folder: string;

  constructor() {
    this.#folder = Deno.makeTempDirSync({ prefix: "warren-host-" });
    this.store = new Store(this.#folder, new Logger({ level: "silent" }));
    this.vhost = new VirtualHost(this.store, () => ({ entries: 100, bytes: 10_000 }));
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
