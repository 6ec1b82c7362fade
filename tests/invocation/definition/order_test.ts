import { assert, assertEquals, assertThrows } from "@std/assert";
import { WarrenError } from "../../../lib/base/errors.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import { longestHold, orderKey, partitionOf, partitionPrefetch } from "../../../lib/invocation/definition/order.ts";

const EMPTY = { routingKey: "", headers: {}, properties: {}, body: new Uint8Array() };
const WHERE = { name: "f", file: "/f.ts", version: "1" };

function resolve(config: Record<string, unknown>) {
  return resolveFunctionConfig(config, WHERE);
}

Deno.test("the key of a message is its routing key, or the value of a header as text", () => {
  const message = { ...EMPTY, routingKey: "orders.7", headers: { tenant: 7, absent: null } };
  assertEquals(orderKey(message, { header: undefined, partitions: 8 }), "orders.7");
  assertEquals(orderKey(message, { header: "tenant", partitions: 8 }), "7");
  assertEquals(orderKey(message, { header: "absent", partitions: 8 }), "");
  assertEquals(orderKey(message, { header: "toString", partitions: 8 }), "");
});

Deno.test("the key can be a value in the body, also in a compressed one", async () => {
  const by = (body: string) => ({ header: undefined, body, partitions: 8 });
  const json = new TextEncoder().encode('{"customer":{"id":7,"name":"é","tags":["a"]},"none":null}');
  const gzip = new Response(new Blob([json]).stream().pipeThrough(new CompressionStream("gzip")));
  const plain = { ...EMPTY, body: json, properties: { contentType: "application/json" } };
  const zipped = {
    ...EMPTY,
    body: new Uint8Array(await gzip.arrayBuffer()),
    properties: { contentType: "application/json", contentEncoding: "gzip" },
  };
  for (const message of [plain, zipped]) {
    assertEquals(orderKey(message, by("customer.id")), "7");
    assertEquals(orderKey(message, by("customer.name")), "é");
    assertEquals(orderKey(message, by("customer.tags.0")), "a");
    for (const path of ["customer.nothing", "none", "none.deeper", "customer.toString"]) {
      assertEquals(orderKey(message, by(path)), "", path);
    }
    const error = assertThrows(() => orderKey(message, by("customer")), WarrenError);
    assertEquals(error.code, "undecodable");
  }
  for (const body of [new Uint8Array([0x1f, 0x8b, 1]), json]) {
    const broken = { ...zipped, body };
    assertEquals(assertThrows(() => orderKey(broken, by("customer.id")), WarrenError).code, "undecodable");
  }
});

Deno.test("a key is always in the same partition, and keys are spread evenly over all", () => {
  assertEquals(["", "a", "tenant-7", "ü€"].map((key) => partitionOf(key, 8)), [4, 4, 0, 7]);
  for (const partitions of [1, 3, 8, 256]) {
    const counts = new Array(partitions).fill(0);
    for (let n = 0; n < partitions * 200; n++) counts[partitionOf(`tenant-${n}`, partitions)]++;
    assert(Math.max(...counts) < 300 && Math.min(...counts) > 100, `${partitions}: ${counts}`);
  }
});

Deno.test("a config's order is read with its defaults", () => {
  assertEquals(resolve({ order: { by: "routingKey" } }).order, { header: undefined, partitions: 8 });
  assertEquals(resolve({ order: { by: { header: "tenant" }, partitions: 3 } }).order, {
    header: "tenant",
    partitions: 3,
  });
  assertEquals(resolve({}).order, undefined);
});

Deno.test("what is wrong with an order is told with its place", () => {
  for (
    const [config, expected] of [
      [{ order: {} }, "order.by is missing"],
      [{ order: { by: "header" } }, 'order.by is "header": expected "routingKey", { header'],
      [{ order: { by: { header: "" } } }, "order.by is"],
      [{ order: { by: { header: "a", key: "b" } } }, "order.by is"],
      [{ order: { by: { body: "a..b" } } }, "order.by is"],
      [{ order: { by: { body: "a" } }, body: "raw" }, 'order.by.body and body "raw" cannot be combined'],
      [{ order: { by: { body: "a" } }, envelope: "cloudevents" }, "order.by.body and envelope"],
      [{ order: { by: "routingKey", partitions: 0 } }, "order.partitions is 0"],
      [{ order: { by: "routingKey" }, batch: { size: 10 } }, "order and batch cannot be combined"],
      [{ order: { by: "routingKey" }, retry: ["1m", "30m"] }, "must end within 25"],
      [{ order: { by: "routingKey" }, timeout: "6m" }, "must end within 25"],
      [{ order: { by: "routingKey" }, retry: { attempts: 1_000_000 } }, "must end within 25"],
    ] as const
  ) {
    assertThrows(() => resolve(config), Error, expected);
  }
});

Deno.test("no message is taken ahead that might wait for longer than a broker lets it", () => {
  const { timeout, retry } = resolve({});
  assertEquals(longestHold(timeout, retry), 5 * 30_000 + 1_100 + 2_200 + 4_400 + 8_800);
  const prefetch = (config: Record<string, unknown>) =>
    partitionPrefetch(resolve({ ...config, order: { by: "routingKey" } }));
  assertEquals(prefetch({}), 9);
  assertEquals(prefetch({ timeout: "1s", retry: { attempts: 1 } }), 10);
  assertEquals(prefetch({ timeout: "1s", retry: { attempts: 1 }, prefetch: 500 }), 500);
  assertEquals(prefetch({ timeout: "20m", retry: { attempts: 1 }, prefetch: 500 }), 1);
});

Deno.test("a header that has no text is no key, and that is said", () => {
  const order = { header: "tenant", partitions: 1 };
  const keyOf = (tenant: unknown) => orderKey({ ...EMPTY, headers: { tenant } }, order);
  assertEquals([keyOf(7n), keyOf(["a", 1]), keyOf(true)], ["7", "a,1", "true"]);
  for (const tenant of [{ toString: "x" }, [{ toString: "x" }]]) {
    assertThrows(() => keyOf(tenant), WarrenError, 'the header "tenant" is a table');
  }
});
