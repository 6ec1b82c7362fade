import type { Exchange } from "./exchange.ts";
import type { Destination } from "./matchers.ts";
import type { Address, Message } from "../queue/message.ts";
import { AmqpError } from "../protocol/amqp_error.ts";
import type { FieldTable } from "../protocol/table.ts";
import type { Queue } from "../queue/queue.ts";

/** The exchanges and queues that the router looks up. */
export interface Directory {
  exchange(name: string): Exchange | undefined;
  queue(name: string): Queue | undefined;
  /** Incremented by every change of exchanges, queues and bindings. */
  readonly version: number;
}

interface Cached {
  version: number;
  queues: Queue[];
}

/** Finds the queues for a message. Each queue gets it once, however many bindings lead there. */
export class Router {
  readonly #directory: Directory;
  /** A cache of routes by address. Cleared when a declaration or a binding changes. */
  readonly #routes = new WeakMap<Address, Cached>();

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  /** The queues for a message, by its address and its CC and BCC headers. */
  route(message: Message): Queue[] {
    const { address } = message;
    if (message.mayHaveCopies) {
      const headers = message.headers();
      const copies = [...recipients(headers, "CC"), ...recipients(headers, "BCC")];
      return this.routeKeys(address.exchange, [address.routingKey, ...copies], () => headers);
    }
    const cached = this.#routes.get(address);
    if (cached && cached.version === this.#directory.version) return cached.queues;
    // A route that depends on headers is not cached.
    let byHeaders = false;
    const queues = this.routeKeys(address.exchange, [address.routingKey], () => {
      byHeaders = true;
      return message.headers();
    });
    if (!byHeaders) this.#routes.set(address, { version: this.#directory.version, queues });
    return queues;
  }

  /** The queues for several routing keys together. A deleted exchange leads to none. */
  routeKeys(exchange: string, keys: readonly string[], headers: () => FieldTable): Queue[] {
    const queues = new Set<Queue>();
    const seen = new Set<Exchange>();
    const work = [exchange];
    for (let name = work.pop(); name !== undefined; name = work.pop()) {
      if (name === "") {
        for (const key of keys) {
          const queue = this.#directory.queue(key);
          if (queue) queues.add(queue);
        }
        continue;
      }
      const current = this.#directory.exchange(name);
      if (!current || seen.has(current)) continue;
      seen.add(current);
      const found = new Set<Destination>();
      for (const key of keys) current.matcher.match(key, headers, found);
      if (found.size === 0 && current.alternate !== undefined) work.push(current.alternate);
      for (const destination of found) {
        if (destination.kind === "exchange") work.push(destination.name);
        else queues.add(destination as Queue);
      }
    }
    return [...queues];
  }
}

/** @throws {AmqpError} 406 if CC or BCC is not a list of texts */
export function recipients(headers: FieldTable, name: "CC" | "BCC"): string[] {
  const value = headers[name];
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    throw new AmqpError("preconditionFailed", `header '${name}' is no array of longstr`);
  }
  return value.filter((key): key is string => typeof key === "string");
}
