/** What one client, or all of them together, may ask for. */
export interface Limits {
  /** Bytes of a frame, its overhead included: what RabbitMQ and LavinMQ offer. */
  frameMax: number;
  /** Channels of a connection. */
  channelMax: number;
  connections: number;
  /** Bytes of a body, as on RabbitMQ. */
  messageSize: number;
  /** Seconds; what a client that asks for nothing gets. */
  heartbeat: number;
  /** Milliseconds from the connection to `connection.open`. */
  handshake: number;
  /** Bytes that all WebSockets together may have sent before they are read: a WebSocket cannot be made to wait. */
  webSocketBytes: number;
  /** Milliseconds that a client has to answer the `connection.close` of the broker. */
  close: number;
}

export const LIMITS: Limits = {
  frameMax: 131_072,
  channelMax: 2047,
  connections: 4096,
  messageSize: 128 * 1024 * 1024,
  heartbeat: 60,
  handshake: 10_000,
  webSocketBytes: 64 * 1024 * 1024,
  close: 2_000,
};
