/** Frame types of AMQP 0-9-1, section 4.2.3. */
export const FRAME = { method: 1, header: 2, body: 3, heartbeat: 8 } as const;
export const FRAME_END = 0xce;
/** Bytes of type, channel and size before the payload, and the end mark after it. */
export const FRAME_OVERHEAD = 8;
/** The smallest frame_max that a peer may request. */
export const FRAME_MIN = 4096;

/** The protocol header: `AMQP` 0 0 9 1. */
export const PROTOCOL_HEADER = new Uint8Array([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);

/** Class ids. */
export const CLASS = {
  connection: 10,
  channel: 20,
  exchange: 40,
  queue: 50,
  basic: 60,
  confirm: 85,
  tx: 90,
} as const;

const id = (classId: number, method: number) => classId * 0x10000 + method;

/** Methods as they are encoded in a frame: class id and method id. */
export const METHOD = {
  connectionStart: id(10, 10),
  connectionStartOk: id(10, 11),
  connectionSecure: id(10, 20),
  connectionSecureOk: id(10, 21),
  connectionTune: id(10, 30),
  connectionTuneOk: id(10, 31),
  connectionOpen: id(10, 40),
  connectionOpenOk: id(10, 41),
  connectionClose: id(10, 50),
  connectionCloseOk: id(10, 51),
  connectionBlocked: id(10, 60),
  connectionUnblocked: id(10, 61),
  connectionUpdateSecret: id(10, 70),
  connectionUpdateSecretOk: id(10, 71),
  channelOpen: id(20, 10),
  channelOpenOk: id(20, 11),
  channelFlow: id(20, 20),
  channelFlowOk: id(20, 21),
  channelClose: id(20, 40),
  channelCloseOk: id(20, 41),
  accessRequest: id(30, 10),
  accessRequestOk: id(30, 11),
  exchangeDeclare: id(40, 10),
  exchangeDeclareOk: id(40, 11),
  exchangeDelete: id(40, 20),
  exchangeDeleteOk: id(40, 21),
  exchangeBind: id(40, 30),
  exchangeBindOk: id(40, 31),
  exchangeUnbind: id(40, 40),
  exchangeUnbindOk: id(40, 51),
  queueDeclare: id(50, 10),
  queueDeclareOk: id(50, 11),
  queueBind: id(50, 20),
  queueBindOk: id(50, 21),
  queuePurge: id(50, 30),
  queuePurgeOk: id(50, 31),
  queueDelete: id(50, 40),
  queueDeleteOk: id(50, 41),
  queueUnbind: id(50, 50),
  queueUnbindOk: id(50, 51),
  basicQos: id(60, 10),
  basicQosOk: id(60, 11),
  basicConsume: id(60, 20),
  basicConsumeOk: id(60, 21),
  basicCancel: id(60, 30),
  basicCancelOk: id(60, 31),
  basicPublish: id(60, 40),
  basicReturn: id(60, 50),
  basicDeliver: id(60, 60),
  basicGet: id(60, 70),
  basicGetOk: id(60, 71),
  basicGetEmpty: id(60, 72),
  basicAck: id(60, 80),
  basicReject: id(60, 90),
  basicRecoverAsync: id(60, 100),
  basicRecover: id(60, 110),
  basicRecoverOk: id(60, 111),
  basicNack: id(60, 120),
  confirmSelect: id(85, 10),
  confirmSelectOk: id(85, 11),
  txSelect: id(90, 10),
  txSelectOk: id(90, 11),
  txCommit: id(90, 20),
  txCommitOk: id(90, 21),
  txRollback: id(90, 30),
  txRollbackOk: id(90, 31),
} as const;
