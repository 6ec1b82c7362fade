import { assertEquals, assertThrows } from "@std/assert";
import { AmqpError } from "../../../lib/broker/protocol/amqp_error.ts";
import { type Published, Publishing } from "../../../lib/broker/channel/publishing.ts";
import { ByteWriter } from "../../support/amqp/byte_writer.ts";
import { encodeMethod } from "../../support/amqp/methods.ts";
import { joined } from "../fuzz_frames.ts";
import { contentHeader } from "../messages.ts";
import { Random } from "../random.ts";

/** The arguments of a publish, in a larger buffer as frames are. */
function begin(publishing: Publishing, exchange: string, routingKey: string, mandatory = false): void {
  const method = encodeMethod("basic.publish", { exchange, routingKey, mandatory });
  publishing.begin(joined([new Uint8Array(3), method, new Uint8Array(3)]), 7, 3 + method.length);
}

function header(publishing: Publishing, bytes: Uint8Array): Published | undefined {
  return publishing.header(joined([new Uint8Array(5), bytes, new Uint8Array(5)]), 5, 5 + bytes.length);
}

function code(run: () => unknown): number {
  return assertThrows(run, AmqpError).code;
}

Deno.test("a message is complete with its last byte, in whatever parts it comes", () => {
  const random = new Random(14);
  const publishing = new Publishing(10_000_000);
  for (let times = 0; times < 60; times++) {
    const body = random.bytes(random.pick([0, 1, 1000, 70_000, 300_000]));
    const keys = [random.pick(["", "x"]), random.pick(["a", "b"]), random.chance(0.5)] as const;
    begin(publishing, ...keys);
    let published = header(publishing, contentHeader(body.length, { deliveryMode: 2, headers: { times } }));
    for (let at = 0; at < body.length;) {
      assertEquals([published, publishing.pending], [undefined, true]);
      const end = Math.min(body.length, at + random.pick([0, 1, 500, 131_064]));
      published = publishing.body(body, at, end);
      at = end;
    }
    const { message, mandatory } = published!;
    assertEquals([message.address.exchange, message.address.routingKey, mandatory], [...keys]);
    assertEquals(message.content.subarray(message.headerLength), body);
    assertEquals([message.bodySize, message.persistent, message.headers().times], [body.length, true, times]);
    assertEquals(publishing.pending, false);
  }
});

Deno.test("frames out of their order are refused with 505", () => {
  const publishing = new Publishing(1000);
  assertEquals(code(() => publishing.body(new Uint8Array(1), 0, 1)), 505);
  assertEquals(code(() => header(publishing, contentHeader(1))), 505);
  begin(publishing, "", "a");
  assertEquals(code(() => publishing.body(new Uint8Array(1), 0, 1)), 505);
  header(publishing, contentHeader(1));
  assertEquals(code(() => header(publishing, contentHeader(1))), 505);
  assertEquals(code(() => publishing.body(new Uint8Array(2), 0, 2)), 505);
});

Deno.test("a content header of another class is refused with 505", () => {
  const publishing = new Publishing(1000);
  begin(publishing, "", "a");
  const wrong = contentHeader(1);
  wrong[1] = 10;
  assertEquals(code(() => header(publishing, wrong)), 505);
});

Deno.test("a message that is announced too large is refused with 406 and costs nothing", () => {
  const publishing = new Publishing(1000);
  for (const size of [1001, 2 ** 40, 2 ** 53]) {
    begin(publishing, "", "a");
    assertEquals(code(() => header(publishing, contentHeader(size))), 406);
  }
  begin(publishing, "", "a");
  assertEquals(header(publishing, contentHeader(1000)), undefined);
});

Deno.test("headers that nobody could read later are refused with 502", () => {
  const publishing = new Publishing(1000);
  const writer = new ByteWriter();
  writer.raw(contentHeader(0).subarray(0, 12));
  writer.short(0x2000);
  writer.longstr(Uint8Array.of(1, 97, 63));
  begin(publishing, "", "a");
  assertEquals(code(() => header(publishing, writer.take())), 502);
});

Deno.test("arguments that are cut off, and none at all, are refused with 502", () => {
  const method = encodeMethod("basic.publish", { exchange: "x", routingKey: "k" });
  for (let end = 4; end < method.length; end++) {
    assertEquals(code(() => new Publishing(1000).begin(method, 4, end)), 502);
  }
});
