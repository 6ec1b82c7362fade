import { createHmac, timingSafeEqual } from "node:crypto";
import { type FunctionConfig, type Handler, Reject } from "warren";
import { Order } from "../../order.ts";

/** A webhook: the shop signs the bytes of each order with a key that both know. What is not signed is refused. */
export const config = {
  http: { path: "/hooks/orders", public: true, headers: ["x-shop-signature"], maxBody: "100KB" },
  output: "orders.accepted",
  permissions: { env: ["SHOP_KEY"] },
} satisfies FunctionConfig;

const received: Handler<unknown, Order> = ({ raw, body, headers }) => {
  const expected = createHmac("sha256", Deno.env.get("SHOP_KEY") ?? "").update(raw).digest("hex");
  if (!isEqual(String(headers["x-shop-signature"] ?? ""), expected)) throw new Reject("the signature is wrong");
  // Whoever holds the key may still send nonsense.
  const order = Order.safeParse(body);
  if (!order.success) throw new Reject(order.error.message);
  return order.data;
};
export default received;

function isEqual(given: string, expected: string): boolean {
  const [a, b] = [given, expected].map((text) => new TextEncoder().encode(text));
  return a.length === b.length && timingSafeEqual(a, b);
}
