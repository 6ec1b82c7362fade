import type { Channel } from "../channel/channel.ts";
import { AmqpError } from "../protocol/amqp_error.ts";
import { METHOD } from "../protocol/constants.ts";
import type { Transaction } from "../channel/transaction.ts";
import type { MethodTable } from "./method_table.ts";

/** Flow, confirms and transactions. The connection handles opening and closing. */
export const channelMethods: MethodTable = {
  /** A method of AMQP 0-8 that some clients still call. Every user has all permissions. */
  [METHOD.accessRequest](channel) {
    channel.send(METHOD.accessRequestOk, (writer) => void writer.u16(1));
  },
  [METHOD.channelFlow](channel, args) {
    const active = args.u8() !== 0;
    channel.flowing = active;
    channel.send(METHOD.channelFlowOk, (writer) => void writer.u8(active ? 1 : 0));
    if (active) channel.wake();
  },
  [METHOD.confirmSelect](channel, args) {
    const noWait = args.u8() !== 0;
    channel.selectConfirms();
    if (!noWait) channel.send(METHOD.confirmSelectOk);
  },
  [METHOD.txSelect](channel) {
    channel.selectTransaction();
    channel.send(METHOD.txSelectOk);
  },
  [METHOD.txCommit](channel) {
    transactionOf(channel).commit();
    channel.peer.store.commitNow();
    channel.send(METHOD.txCommitOk);
  },
  [METHOD.txRollback](channel) {
    transactionOf(channel).rollBack();
    channel.send(METHOD.txRollbackOk);
  },
};

function transactionOf(channel: Channel): Transaction {
  if (!channel.transaction) throw new AmqpError("preconditionFailed", "channel is not transactional");
  return channel.transaction;
}
