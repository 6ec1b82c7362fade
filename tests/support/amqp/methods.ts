import { ByteReader, ByteWriter, readTable, type Table, type TableInput, writeTable } from "./raw_codec.ts";

/** Every method: class id, method id, and the arguments as `name:type`. */
export const METHODS = {
  "connection.start": [
    10,
    10,
    "versionMajor:octet versionMinor:octet serverProperties:table mechanisms:longstr locales:longstr",
  ],
  "connection.startOk": [10, 11, "clientProperties:table mechanism:shortstr response:longstr locale:shortstr"],
  "connection.secure": [10, 20, "challenge:longstr"],
  "connection.secureOk": [10, 21, "response:longstr"],
  "connection.tune": [10, 30, "channelMax:short frameMax:long heartbeat:short"],
  "connection.tuneOk": [10, 31, "channelMax:short frameMax:long heartbeat:short"],
  "connection.open": [10, 40, "virtualHost:shortstr reserved1:shortstr reserved2:bit"],
  "connection.openOk": [10, 41, "reserved1:shortstr"],
  "connection.close": [10, 50, "replyCode:short replyText:shortstr classId:short methodId:short"],
  "connection.closeOk": [10, 51, ""],
  "connection.blocked": [10, 60, "reason:shortstr"],
  "connection.unblocked": [10, 61, ""],
  "connection.updateSecret": [10, 70, "newSecret:longstr reason:shortstr"],
  "connection.updateSecretOk": [10, 71, ""],
  "channel.open": [20, 10, "reserved1:shortstr"],
  "channel.openOk": [20, 11, "reserved1:longstr"],
  "channel.flow": [20, 20, "active:bit"],
  "channel.flowOk": [20, 21, "active:bit"],
  "channel.close": [20, 40, "replyCode:short replyText:shortstr classId:short methodId:short"],
  "channel.closeOk": [20, 41, ""],
  "access.request": [30, 10, "realm:shortstr exclusive:bit passive:bit active:bit write:bit read:bit"],
  "access.requestOk": [30, 11, "ticket:short"],
  "exchange.declare": [
    40,
    10,
    "ticket:short exchange:shortstr type:shortstr passive:bit durable:bit autoDelete:bit internal:bit nowait:bit arguments:table",
  ],
  "exchange.declareOk": [40, 11, ""],
  "exchange.delete": [40, 20, "ticket:short exchange:shortstr ifUnused:bit nowait:bit"],
  "exchange.deleteOk": [40, 21, ""],
  "exchange.bind": [
    40,
    30,
    "ticket:short destination:shortstr source:shortstr routingKey:shortstr nowait:bit arguments:table",
  ],
  "exchange.bindOk": [40, 31, ""],
  "exchange.unbind": [
    40,
    40,
    "ticket:short destination:shortstr source:shortstr routingKey:shortstr nowait:bit arguments:table",
  ],
  "exchange.unbindOk": [40, 51, ""],
  "queue.declare": [
    50,
    10,
    "ticket:short queue:shortstr passive:bit durable:bit exclusive:bit autoDelete:bit nowait:bit arguments:table",
  ],
  "queue.declareOk": [50, 11, "queue:shortstr messageCount:long consumerCount:long"],
  "queue.bind": [
    50,
    20,
    "ticket:short queue:shortstr exchange:shortstr routingKey:shortstr nowait:bit arguments:table",
  ],
  "queue.bindOk": [50, 21, ""],
  "queue.purge": [50, 30, "ticket:short queue:shortstr nowait:bit"],
  "queue.purgeOk": [50, 31, "messageCount:long"],
  "queue.delete": [50, 40, "ticket:short queue:shortstr ifUnused:bit ifEmpty:bit nowait:bit"],
  "queue.deleteOk": [50, 41, "messageCount:long"],
  "queue.unbind": [50, 50, "ticket:short queue:shortstr exchange:shortstr routingKey:shortstr arguments:table"],
  "queue.unbindOk": [50, 51, ""],
  "basic.qos": [60, 10, "prefetchSize:long prefetchCount:short global:bit"],
  "basic.qosOk": [60, 11, ""],
  "basic.consume": [
    60,
    20,
    "ticket:short queue:shortstr consumerTag:shortstr noLocal:bit noAck:bit exclusive:bit nowait:bit arguments:table",
  ],
  "basic.consumeOk": [60, 21, "consumerTag:shortstr"],
  "basic.cancel": [60, 30, "consumerTag:shortstr nowait:bit"],
  "basic.cancelOk": [60, 31, "consumerTag:shortstr"],
  "basic.publish": [60, 40, "ticket:short exchange:shortstr routingKey:shortstr mandatory:bit immediate:bit"],
  "basic.return": [60, 50, "replyCode:short replyText:shortstr exchange:shortstr routingKey:shortstr"],
  "basic.deliver": [
    60,
    60,
    "consumerTag:shortstr deliveryTag:longlong redelivered:bit exchange:shortstr routingKey:shortstr",
  ],
  "basic.get": [60, 70, "ticket:short queue:shortstr noAck:bit"],
  "basic.getOk": [
    60,
    71,
    "deliveryTag:longlong redelivered:bit exchange:shortstr routingKey:shortstr messageCount:long",
  ],
  "basic.getEmpty": [60, 72, "clusterId:shortstr"],
  "basic.ack": [60, 80, "deliveryTag:longlong multiple:bit"],
  "basic.reject": [60, 90, "deliveryTag:longlong requeue:bit"],
  "basic.recoverAsync": [60, 100, "requeue:bit"],
  "basic.recover": [60, 110, "requeue:bit"],
  "basic.recoverOk": [60, 111, ""],
  "basic.nack": [60, 120, "deliveryTag:longlong multiple:bit requeue:bit"],
  "confirm.select": [85, 10, "nowait:bit"],
  "confirm.selectOk": [85, 11, ""],
  "tx.select": [90, 10, ""],
  "tx.selectOk": [90, 11, ""],
  "tx.commit": [90, 20, ""],
  "tx.commitOk": [90, 21, ""],
  "tx.rollback": [90, 30, ""],
  "tx.rollbackOk": [90, 31, ""],
} as const;

export type MethodName = keyof typeof METHODS;

interface ReadTypes {
  octet: number;
  short: number;
  long: number;
  longlong: number;
  shortstr: string;
  longstr: string;
  bit: boolean;
  table: Table;
}

interface WriteTypes extends Omit<ReadTypes, "longlong" | "longstr" | "shortstr" | "table"> {
  longlong: number | bigint;
  longstr: string | Uint8Array;
  shortstr: string | Uint8Array;
  table: TableInput;
}

type ArgumentType = keyof ReadTypes;

type ParseArgument<S, Types> = S extends `${infer Name}:${infer Type extends ArgumentType & keyof Types}`
  ? { [K in Name]: Types[Type] }
  // deno-lint-ignore ban-types -- the neutral element of an intersection
  : {};

type ParseArguments<S, Types> = S extends `${infer First} ${infer Rest}`
  ? ParseArgument<First, Types> & ParseArguments<Rest, Types>
  : ParseArgument<S, Types>;

/** The arguments of a method as they are read. */
export type MethodArguments<M extends MethodName> = ParseArguments<(typeof METHODS)[M][2], ReadTypes>;

/** The arguments of a method to write; what is left out is 0, false, "" or {}. */
export type MethodInput<M extends MethodName> = Partial<ParseArguments<(typeof METHODS)[M][2], WriteTypes>>;

/** The method that answers `M`. */
export type ReplyName<M extends MethodName> = `${M}Ok` extends MethodName ? `${M}Ok` : never;
export type Request = { [M in MethodName]: ReplyName<M> extends never ? never : M }[MethodName];

interface ArgumentSpec {
  name: string;
  type: ArgumentType;
}

interface MethodSpec {
  name: MethodName;
  classId: number;
  methodId: number;
  arguments: ArgumentSpec[];
}

const BY_NAME = new Map<string, MethodSpec>();
const BY_ID = new Map<number, MethodSpec>();

for (const [name, [classId, methodId, text]] of Object.entries(METHODS)) {
  const specs = text.split(" ").filter(Boolean).map((item): ArgumentSpec => {
    const [name, type] = item.split(":");
    return { name, type: type as ArgumentType };
  });
  const spec = { name: name as MethodName, classId, methodId, arguments: specs };
  BY_NAME.set(name, spec);
  BY_ID.set(classId << 16 | methodId, spec);
}

/** What stands for an argument that the caller left out. */
const BLANK: Record<ArgumentType, unknown> = {
  octet: 0,
  short: 0,
  long: 0,
  longlong: 0,
  shortstr: "",
  longstr: "",
  bit: false,
  table: {},
};

export function methodIds(name: MethodName): [classId: number, methodId: number] {
  const [classId, methodId] = METHODS[name];
  return [classId, methodId];
}

/** The name of a method of which only the ids are known, for messages to people. */
export function methodName(classId: number, methodId: number): string {
  return BY_ID.get(classId << 16 | methodId)?.name ?? `${classId}.${methodId}`;
}

export function encodeMethod<M extends MethodName>(name: M, values: MethodInput<M>): Uint8Array<ArrayBuffer> {
  const spec = BY_NAME.get(name)!;
  const given: Record<string, unknown> = values;
  const unknown = Object.keys(given).find((key) => !spec.arguments.some((argument) => argument.name === key));
  if (unknown) throw new Error(`${name} has no argument ${unknown}`);
  const writer = new ByteWriter();
  writer.short(spec.classId);
  writer.short(spec.methodId);
  let bits: boolean[] = [];
  const flush = () => {
    if (bits.length > 0) writer.octet(bits.reduce((octet, bit, index) => octet | (Number(bit) << index), 0));
    bits = [];
  };
  for (const { name, type } of spec.arguments) {
    const value = given[name] ?? BLANK[type];
    if (type === "bit") {
      bits.push(Boolean(value));
      continue;
    }
    flush();
    if (type === "table") writeTable(writer, value as TableInput);
    else (writer[type] as (value: unknown) => void).call(writer, value);
  }
  flush();
  return writer.take();
}

export interface AnyMethod {
  name: MethodName;
  arguments: Record<string, unknown>;
}

export function decodeMethod(payload: Uint8Array): AnyMethod {
  const reader = new ByteReader(payload);
  const [classId, methodId] = [reader.short(), reader.short()];
  const spec = BY_ID.get(classId << 16 | methodId);
  if (!spec) throw new Error(`The broker sent an unknown method ${classId}.${methodId}`);
  const values: Record<string, unknown> = {};
  let octet = 0;
  let bit = 8;
  for (const { name, type } of spec.arguments) {
    if (type !== "bit") {
      bit = 8;
      values[name] = readArgument(reader, type);
      continue;
    }
    if (bit === 8) [octet, bit] = [reader.octet(), 0];
    values[name] = ((octet >> bit++) & 1) === 1;
  }
  if (reader.left > 0) throw new Error(`${spec.name} has ${reader.left} bytes too many`);
  return { name: spec.name, arguments: values };
}

function readArgument(reader: ByteReader, type: Exclude<ArgumentType, "bit">): unknown {
  if (type === "table") return readTable(reader);
  if (type === "longlong") return Number(reader.longlong());
  return reader[type]();
}
