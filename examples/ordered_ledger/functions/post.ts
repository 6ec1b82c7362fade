import { type FunctionConfig, type Handler, Reject } from "warren";
import { openLedger } from "../ledger.ts";

/**
 * Posts amounts to accounts. Messages of one account are posted one after the other, in the order in which they arrived,
 * however many runners there are. A message that was posted already, by a runner that was killed before it could say so, is
 * recognised by its id.
 */
export const config = {
  order: { by: { body: "account" }, partitions: 4 },
  retry: ["100ms", "1s", "10s"],
  concurrency: 20,
  permissions: { read: true, write: true, env: ["LEDGER"] },
} satisfies FunctionConfig;

export interface Posting {
  account: string;
  /** Cents. */
  amount: number;
}

const post: Handler<Posting> = ({ body: { account, amount }, properties: { messageId } }, { log }) => {
  if (!Number.isSafeInteger(amount)) throw new Reject(`the amount is ${amount}, expected cents`);
  if (messageId === undefined) throw new Reject("a posting needs a message id, so that it is posted once");
  using ledger = openLedger(Deno.env.get("LEDGER") ?? "ledger.db");
  const balance = ledger.post(messageId, account, amount);
  log.info(balance === undefined ? "was posted before" : "posted", { account, amount, balance });
};
export default post;
