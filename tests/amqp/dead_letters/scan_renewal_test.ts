import type { AMQPMessage } from "@cloudamqp/amqp-client";
import { assertEquals } from "@std/assert";
import { ScanRenewal } from "../../../lib/amqp/dead_letters/scan_renewal.ts";

/** One that came back so often. */
function message(returns: number): AMQPMessage {
  return {
    redelivered: returns > 0,
    properties: { headers: { "x-delivery-count": returns } },
  } as unknown as AMQPMessage;
}

function renewalWith(copy: () => Promise<void>) {
  const copied: AMQPMessage[] = [];
  return { copied, renewal: new ScanRenewal({ copy, onCopied: (message) => copied.push(message) }) };
}

Deno.test("what was returned twice is copied, and so is everything behind it", async () => {
  const { copied, renewal } = renewalWith(() => Promise.resolve());
  const [fresh, once, twice, behind] = [0, 1, 2, 0].map(message);

  assertEquals([fresh, once, twice, behind].map((each) => renewal.take(each)), [false, false, true, true]);
  await renewal.settled();

  assertEquals([copied.length, copied[0] === twice, copied[1] === behind], [2, true, true]);
  assertEquals(renewal.failure, undefined);
});

Deno.test("messages far from any limit may stay as they are where no copies can be made", async () => {
  const { copied, renewal } = renewalWith(() => Promise.reject(new Error("full")));

  assertEquals(renewal.take(message(3)), true);
  await renewal.settled();

  assertEquals([copied.length, renewal.begun, renewal.take(message(3)), renewal.failure], [0, false, false, undefined]);
});

Deno.test("it is an error when a message near a limit cannot be copied, whichever was the first to fail", async () => {
  for (const counts of [[10], [2, 10]]) {
    const { renewal } = renewalWith(() => Promise.reject(new Error("full")));
    for (const count of counts) {
      renewal.take(message(count));
      await renewal.settled();
    }
    assertEquals(renewal.failure, new Error("full"));
  }
});
