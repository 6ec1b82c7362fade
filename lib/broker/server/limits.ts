/** Limits for one client, or for all together. */
export interface Limits {
  /** Maximum frame size in bytes, including overhead. RabbitMQ and LavinMQ offer the same. */
  frameMax: number;
  /** Maximum number of channels per connection. */
  channelMax: number;
  connections: number;
  /** Maximum body size in bytes, as on RabbitMQ. */
  messageSize: number;
  /** Heartbeat in seconds for clients that request none. */
  heartbeat: number;
  /** Milliseconds from the connection to `connection.open`. */
  handshake: number;
  /** Bytes that all WebSockets together may have buffered unread: a WebSocket cannot be made to wait. */
  webSocketBytes: number;
  /** Milliseconds that a client has to answer `connection.close`. */
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
