import type { FieldTable, FieldValue } from "../protocol/table.ts";

/** The destination of a binding. */
export interface Destination {
  readonly kind: "queue" | "exchange";
  readonly name: string;
  readonly durable: boolean;
}

/** The parts of a binding that decide whether it matches a message. */
export interface Route {
  readonly destination: Destination;
  readonly key: string;
  readonly args: FieldTable;
}

/** Finds the destinations for a routing key or headers among the bindings of one exchange. */
export interface Matcher {
  add(binding: Route): void;
  remove(binding: Route): void;
  /** Adds the message's destinations to `found`. `headers` decodes the headers, for matchers that need them. */
  match(routingKey: string, headers: () => FieldTable, found: Set<Destination>): void;
}

const encoder = new TextEncoder();

/** The exchange types, each with its identity of bindings. */
export const MATCHERS: Record<string, () => Matcher> = {
  direct: () => new DirectMatcher(),
  fanout: () => new FanoutMatcher(),
  topic: () => new TopicMatcher(),
  headers: () => new HeadersMatcher(),
};

class DirectMatcher implements Matcher {
  readonly #keys = new Map<string, Set<Route>>();

  add(binding: Route): void {
    const bindings = this.#keys.get(binding.key) ?? new Set();
    this.#keys.set(binding.key, bindings.add(binding));
  }

  remove(binding: Route): void {
    const bindings = this.#keys.get(binding.key);
    bindings?.delete(binding);
    if (bindings?.size === 0) this.#keys.delete(binding.key);
  }

  match(routingKey: string, _headers: () => FieldTable, found: Set<Destination>): void {
    for (const { destination } of this.#keys.get(routingKey) ?? []) found.add(destination);
  }
}

class FanoutMatcher implements Matcher {
  readonly #bindings = new Set<Route>();

  add(binding: Route): void {
    this.#bindings.add(binding);
  }

  remove(binding: Route): void {
    this.#bindings.delete(binding);
  }

  match(_routingKey: string, _headers: () => FieldTable, found: Set<Destination>): void {
    for (const { destination } of this.#bindings) found.add(destination);
  }
}

/** One word in the tree of patterns. */
interface TopicNode {
  words: Map<string, TopicNode>;
  bindings: Set<Route>;
}

/** Topic patterns as a tree of words. `*` matches one word, `#` any number of words. */
class TopicMatcher implements Matcher {
  readonly #root: TopicNode = { words: new Map(), bindings: new Set() };

  add(binding: Route): void {
    let node = this.#root;
    for (const word of wordsOf(binding.key)) {
      const next: TopicNode = node.words.get(word) ?? { words: new Map(), bindings: new Set() };
      node.words.set(word, next);
      node = next;
    }
    node.bindings.add(binding);
  }

  remove(binding: Route): void {
    const path = [this.#root];
    const words = wordsOf(binding.key);
    for (const word of words) {
      const next = path[path.length - 1].words.get(word);
      if (!next) return;
      path.push(next);
    }
    path[path.length - 1].bindings.delete(binding);
    for (let i = words.length; i > 0; i--) {
      if (path[i].bindings.size > 0 || path[i].words.size > 0) return;
      path[i - 1].words.delete(words[i - 1]);
    }
  }

  match(routingKey: string, _headers: () => FieldTable, found: Set<Destination>): void {
    const words = wordsOf(routingKey);
    // With several `#`, many paths lead to one node. Each node is visited once per position in the key.
    const seen = new Map<TopicNode, Set<number>>();
    const work: [TopicNode, number][] = [[this.#root, 0]];
    for (let step = work.pop(); step; step = work.pop()) {
      const [node, at] = step;
      const places = seen.get(node) ?? new Set();
      if (places.has(at)) continue;
      seen.set(node, places.add(at));
      if (at === words.length) { for (const { destination } of node.bindings) found.add(destination); }
      const rest = node.words.get("#");
      if (rest) { for (let skipped = at; skipped <= words.length; skipped++) work.push([rest, skipped]); }
      if (at === words.length) continue;
      for (const word of new Set([words[at], "*"])) {
        const next = word === "#" ? undefined : node.words.get(word);
        if (next) work.push([next, at + 1]);
      }
    }
  }
}

/** An empty key has no words, instead of one empty word. */
function wordsOf(key: string): string[] {
  return key === "" ? [] : key.split(".");
}

class HeadersMatcher implements Matcher {
  readonly #bindings = new Set<Route>();

  add(binding: Route): void {
    this.#bindings.add(binding);
  }

  remove(binding: Route): void {
    this.#bindings.delete(binding);
  }

  match(_routingKey: string, headers: () => FieldTable, found: Set<Destination>): void {
    if (this.#bindings.size === 0) return;
    const given = headers();
    for (const { args, destination } of this.#bindings) if (matchesHeaders(args, given)) found.add(destination);
  }
}

/** `all` and `any` ignore arguments that begin with `x-`. `all-with-x` and `any-with-x` do not. */
function matchesHeaders(args: FieldTable, headers: FieldTable): boolean {
  const mode = String(args["x-match"] ?? "all");
  const withX = mode.endsWith("-with-x");
  const wanted = Object.entries(args).filter(([name]) => name !== "x-match" && (withX || !name.startsWith("x-")));
  const fits = ([name, value]: [string, FieldValue]) => {
    const given = headers[name];
    // An argument without a value matches any value of that header.
    return given !== undefined && (value === null || sameValue(value, given));
  };
  return mode.startsWith("any") ? wanted.some(fits) : wanted.every(fits);
}

/** Text and bytes are equal if their bytes are, and a time equals its seconds. */
function comparable(value: FieldValue): FieldValue {
  if (typeof value === "string") return encoder.encode(value);
  return value instanceof Date ? Math.floor(value.getTime() / 1000) : value;
}

function sameValue(first: FieldValue, second: FieldValue): boolean {
  const [a, b] = [first, second].map(comparable);
  if (a === b) return true;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return false;
  const [entries, others] = [Object.entries(a), Object.entries(b)];
  const inner = b as Record<string, FieldValue>;
  return entries.length === others.length && entries.every(([name, value]) => sameValue(value, inner[name] ?? null));
}
