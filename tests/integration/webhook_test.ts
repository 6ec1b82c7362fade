import { assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { startServing } from "../support/serving.ts";

const KEY = "whsec_test";

/** Checks who sent a message by the signature of its bytes, as payment services do. */
function functionWith(path: string, queue: string): string {
  return `import { Reject } from "warren";
    import { createHmac, timingSafeEqual } from "node:crypto";
    export const config = {
      queue: ${JSON.stringify(queue)},
      http: { path: ${JSON.stringify(path)}, public: true, headers: ["x-signature"], maxBody: 1000 },
    };
    export default ({ raw, body, headers }) => {
      const mine = createHmac("sha256", ${JSON.stringify(KEY)}).update(raw).digest();
      const theirs = Uint8Array.fromHex(String(headers["x-signature"] ?? "").padEnd(64, "0"));
      if (!timingSafeEqual(mine, theirs)) throw new Reject("the signature is wrong");
      return { paid: body.order, query: headers["http-query"] };
    };`;
}

async function sign(body: string): Promise<string> {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const key = await crypto.subtle.importKey("raw", bytes(KEY), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes(body))).toHex();
}

brokerTest(
  "a webhook reaches its function without a token, byte for byte, with the signature to check",
  async (amqpUrl) => {
    await using broker = await BrokerClient.connect(amqpUrl);
    const queue = await broker.workQueue("hook");
    await using functions = await folder({ "pay.ts": functionWith("/hooks/pay", queue) });
    const env = { API_TOKEN: "t0ken" };
    await using runner = await startServing({ amqpUrl, functionsDir: functions.path, env });
    const post = async (body: string, signature: string) => {
      const headers = { "content-type": "application/json", "x-signature": signature, prefer: "wait=10" };
      const response = await fetch(`${runner.url}/hooks/pay?live=1`, { method: "POST", body, headers });
      return { status: response.status, answer: await response.json() };
    };
    const body = '{ "order" :  "é-1"}\n';
    assertEquals(await post(body, await sign(body)), { status: 200, answer: { paid: "é-1", query: "live=1" } });
    assertEquals((await post(body, await sign("{}"))).status, 422);
    assertEquals((await post("x".repeat(1001), "")).status, 413);
    const closed = await fetch(`${runner.url}/functions/pay`, { method: "POST", body });
    await closed.body?.cancel();
    assertEquals(closed.status, 401);
  },
);
