import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { run } from "warren/testing";
import * as accepted from "./accepted.ts";
import * as received from "./received.ts";

const order = { id: "7", email: "ann@example.com", items: [{ title: "Tea", price: 450, count: 2 }] };
const text = JSON.stringify(order);

function signed(body: string, key = "secret") {
  Deno.env.set("SHOP_KEY", "secret");
  const signature = createHmac("sha256", key).update(body).digest("hex");
  return { headers: { "x-shop-signature": signature }, properties: { contentType: "application/json" } };
}

Deno.test("a signed order is accepted", async () => {
  const { outcome, published } = await run(received, new TextEncoder().encode(text), signed(text));
  assert.equal(outcome, "completed");
  assert.deepEqual([published[0].routingKey, published[0].body], ["orders.accepted", order]);
});

Deno.test("an order with another signature, or that is nonsense, is refused for good", async () => {
  for (const [body, options] of [[text, signed(text, "guess")], ["{}", signed("{}")]] as const) {
    const { next } = await run(received, new TextEncoder().encode(body), options);
    assert.deepEqual(next, { kind: "deadLetter", reason: "rejected" });
  }
});

Deno.test("an accepted order has an invoice", async () => {
  const { result } = await run(accepted, order);
  assert.equal(new TextDecoder().decode(Uint8Array.fromBase64(result!.pdf).slice(0, 5)), "%PDF-");
  assert.equal((await run(accepted, { ...order, email: "nobody" })).outcome, "invalid");
});
