import { PDFDocument, StandardFonts } from "pdf-lib";
import { defineFunction } from "warren";
import { type Invoiced, Order } from "../../order.ts";

/** Writes the invoice. */
export default defineFunction({
  input: Order,
  config: { output: "orders.invoiced", concurrency: 2, timeout: "20s" },
  handler: async ({ body: order }): Promise<Invoiced> => ({ order, pdf: (await invoice(order)).toBase64() }),
});

async function invoice({ id, items }: Order): Promise<Uint8Array> {
  const document = await PDFDocument.create();
  const font = await document.embedFont(StandardFonts.Helvetica);
  const page = document.addPage();
  const total = items.reduce((sum, { price, count }) => sum + price * count, 0);
  const lines = [
    `Invoice for order ${id}`,
    "",
    ...items.map(({ title, price, count }) => `${count} x ${title}: ${(price * count / 100).toFixed(2)}`),
    "",
    `Total: ${(total / 100).toFixed(2)}`,
  ];
  // The font has no other characters than these.
  const text = lines.join("\n").replaceAll(/[^\n\x20-\x7e]/g, "?");
  page.drawText(text, { x: 50, y: page.getHeight() - 80, size: 12, lineHeight: 18, font });
  return await document.save();
}
