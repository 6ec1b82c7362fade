import { assertEquals, assertStringIncludes } from "@std/assert";
import { createHmac } from "node:crypto";
import { type Mail, serveMail } from "../../examples/order_pipeline/mail_server.ts";
import { eventually } from "../support/eventually.ts";
import { exampleTest } from "./example.ts";

exampleTest("order_pipeline", "a signed order becomes an e-mail with an invoice", async ({ start }) => {
  const mails: Mail[] = [];
  const server = serveMail((mail) => mails.push(mail), 0);
  try {
    await using runner = await start({ SHOP_KEY: "secret", SMTP_URL: `smtp://127.0.0.1:${server.port}` });
    const order = { id: "7", email: "ann@example.com", items: [{ title: "Tea", price: 450, count: 2 }] };
    const body = JSON.stringify(order);
    const send = async (key: string) => {
      const signature = createHmac("sha256", key).update(body).digest("hex");
      const headers = { "content-type": "application/json", "x-shop-signature": signature };
      const response = await fetch(`${runner.url}/hooks/orders`, { method: "POST", body, headers });
      await response.body?.cancel();
      return response.status;
    };
    assertEquals(await send("secret"), 202);
    await eventually(() => mails.length === 1, { timeout: 30_000 });
    assertEquals(mails[0].to, "ann@example.com");
    assertStringIncludes(mails[0].data, "Subject: Your order 7");
    assertStringIncludes(mails[0].data, "invoice-7.pdf");
    // Forged, and sent again: neither sends a mail.
    assertEquals([await send("guess"), await send("secret")], [202, 202]);
    await runner.waitForLog(({ message }) => message.includes("the signature is wrong"));
    const sent = () => runner.log.filter(({ message }) => message === "the invoice of order 7 is on its way");
    await eventually(() => sent().length === 2, { timeout: 30_000 });
    assertEquals(mails.length, 1);
  } finally {
    server.close();
  }
});
