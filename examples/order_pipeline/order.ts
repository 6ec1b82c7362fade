import { z } from "zod";

/** An order of the shop; prices are in cents. */
export const Order = z.object({
  id: z.string().min(1).max(50),
  email: z.email(),
  items: z.array(z.object({ title: z.string().max(80), price: z.int().min(0), count: z.int().min(1) })).min(1).max(100),
});
export type Order = z.infer<typeof Order>;

/** An order with its invoice. */
export const Invoiced = z.object({ order: Order, pdf: z.base64() });
export type Invoiced = z.infer<typeof Invoiced>;
