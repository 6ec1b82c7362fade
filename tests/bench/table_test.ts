import { assertEquals } from "@std/assert";
import type { Measured, Store } from "../../bench/contest/contender.ts";
import { type Entry, tableOf } from "../../bench/contest/table.ts";

function entry(name: string, store: Store, ...rates: number[]): Entry {
  const rounds = rates.map((rate): Measured => ({ rate, cpu: 12.34, memory: 99.6, first: 250.4 }));
  return { name, store, rounds };
}

Deno.test("a rate is compared with Warren's in the same round and on the same broker, and on Redis with the first", () => {
  const [head, ...rows] = tableOf("a load", [
    entry("Warren", "RabbitMQ", 100, 300, 200),
    entry("a peer", "RabbitMQ", 50, 100, 200),
    entry("Warren", "embedded", 400, 400, 400),
    entry("a peer", "embedded", 200, 200, 200),
    entry("another", "Redis", 100, 100, 100),
  ]);

  assertEquals(head.split(/  +/), ["a load", "on", "per s", "Warren ×", "CPU µs", "MB", "first ms"]);
  assertEquals(rows.map((row) => row.split(/  +/).slice(0, 4)), [
    ["Warren", "RabbitMQ", "200", "1.00"],
    ["a peer", "RabbitMQ", "100", "2.00"],
    ["Warren", "embedded", "400", "1.00"],
    ["a peer", "embedded", "200", "2.00"],
    ["another", "Redis", "100", "2.00"],
  ]);
  assertEquals(rows[0].split(/  +/).slice(4), ["12.3", "100", "250"]);
});
