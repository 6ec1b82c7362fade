import { createTransport } from "nodemailer";
import { defineFunction } from "warren";
import { Invoiced } from "../../order.ts";

/**
 * Sends the invoice by e-mail. `once()` remembers that the mail server has taken it: a message that is delivered again,
 * after a crash for example, sends no second e-mail.
 */
export default defineFunction({
  input: Invoiced,
  config: {
    retry: ["1s", "1m", "10m"],
    permissions: { net: ["127.0.0.1"], env: ["SMTP_URL"], sys: ["hostname", "networkInterfaces"] },
  },
  handler: async ({ body: { order, pdf } }, context) => {
    await context.once(`invoice/${order.id}`, async () => {
      const transport = createTransport(Deno.env.get("SMTP_URL") ?? "smtp://127.0.0.1:2525");
      const { messageId } = await transport.sendMail({
        from: "shop@example.com",
        to: order.email,
        subject: `Your order ${order.id}`,
        text: "Thank you for your order. The invoice is attached.",
        attachments: [{ filename: `invoice-${order.id}.pdf`, content: pdf, encoding: "base64" }],
      });
      return messageId;
    });
    context.log.info(`the invoice of order ${order.id} is on its way`);
  },
});
