import type { Channel } from "../channel/channel.ts";
import { AmqpError } from "../protocol/amqp_error.ts";
import { METHOD } from "../protocol/constants.ts";
import type { Reader } from "../protocol/reader.ts";
import { assertFreeName, assertNotDefault, findExchange, type MethodTable, withoutLineBreaks } from "./method_table.ts";

export const exchangeMethods: MethodTable = {
  [METHOD.exchangeDeclare]: declare,
  [METHOD.exchangeDelete]: remove,
  [METHOD.exchangeBind](channel, args) {
    bindOrUnbind(channel, args, "bind", METHOD.exchangeBindOk);
  },
  [METHOD.exchangeUnbind](channel, args) {
    bindOrUnbind(channel, args, "unbind", METHOD.exchangeUnbindOk);
  },
};

function declare(channel: Channel, args: Reader): void {
  args.u16();
  const name = withoutLineBreaks(args.shortString());
  const type = args.shortString();
  const flags = args.u8();
  const argumentBytes = args.tableBytes();
  const [passive, durable, autoDelete, internal, noWait] = [1, 2, 4, 8, 16].map((bit) => (flags & bit) !== 0);
  const { vhost } = channel.peer;
  assertNotDefault(name);
  if (passive) findExchange(channel, name);
  else {
    const existing = vhost.exchange(name);
    if (existing) existing.assertEquivalent(type, durable, autoDelete, internal, argumentBytes);
    else {
      assertFreeName("exchange", name);
      vhost.addExchange({ name, type, durable, autoDelete, internal, arguments: argumentBytes });
    }
  }
  vhost.makeLasting();
  if (!noWait) channel.send(METHOD.exchangeDeclareOk);
}

function remove(channel: Channel, args: Reader): void {
  args.u16();
  const name = withoutLineBreaks(args.shortString());
  const flags = args.u8();
  assertNotDefault(name);
  const { vhost } = channel.peer;
  if (name.startsWith("amq.")) {
    throw new AmqpError("accessRefused", `deletion of system exchange '${name}' in vhost '/' not allowed`);
  }
  const exchange = vhost.exchange(name);
  if (exchange) {
    if (flags & 1 && exchange.bindingCount > 0) {
      throw new AmqpError("preconditionFailed", `exchange '${name}' in vhost '/' in use`);
    }
    vhost.deleteExchange(exchange);
  }
  vhost.makeLasting();
  if (!(flags & 2)) channel.send(METHOD.exchangeDeleteOk);
}

function bindOrUnbind(channel: Channel, args: Reader, what: "bind" | "unbind", ok: number): void {
  args.u16();
  const destination = withoutLineBreaks(args.shortString());
  const source = withoutLineBreaks(args.shortString());
  const key = args.shortString();
  const noWait = args.u8();
  const argumentBytes = args.tableBytes();
  assertNotDefault(destination);
  assertNotDefault(source);
  const { vhost } = channel.peer;
  // Unbinding succeeds if an exchange does not exist.
  if (what === "bind" || (vhost.exchange(source) && vhost.exchange(destination))) {
    vhost[what](findExchange(channel, source), findExchange(channel, destination), key, argumentBytes);
  }
  vhost.makeLasting();
  if (!noWait) channel.send(ok);
}
