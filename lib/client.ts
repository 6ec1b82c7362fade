/**
 * The module that producers import as `warren/client`: it publishes messages to functions and calls them, over AMQP (TCP
 * or WebSocket) or through the HTTP API of a runner.
 *
 * @example
 * ```ts ignore
 * import { connect } from "warren/client";
 * import { type Functions, queues } from "./functions.types.ts";
 *
 * await using warren = connect<Functions>("amqp://localhost", { queues });
 * await warren.publish("orders.created", { id: "7", email: "ann@example.com" });
 * const size = await warren.call("measure", { path: "cat.png" });
 * ```
 * @module
 */
import { AmqpTransport } from "./client/amqp_transport.ts";
import type { Functions } from "./client/functions.ts";
import { HttpTransport } from "./client/http_transport.ts";
import { WarrenClient } from "./client/warren_client.ts";

export type { CallOptions, FunctionOf, Functions, FunctionTypes, PublishOptions } from "./client/functions.ts";
export { CallError, WarrenClient } from "./client/warren_client.ts";

export interface ConnectOptions {
  /** For `http:` and `https:`: the API_TOKEN of the runner. @default none */
  token?: string;
  /** For AMQP: the queues of functions whose queue has another name than they. @default {} */
  queues?: Readonly<Record<string, string>>;
  /** For AMQP: the name of the connection, as the broker shows it. @default "warren client" */
  name?: string;
  /** For WebSocket URLs. @default "/" */
  vhost?: string;
  /** For `amqps:` with a private authority: its certificates, PEM. @default the system's */
  ca?: string;
}

/**
 * Makes a client. It connects in the background, and again after each loss; a message waits for the connection for up to 30
 * seconds.
 *
 * @param url `amqp:`, `amqps:`, `ws:` or `wss:` for a broker, several with commas between them are tried in turn; `http:`
 * or `https:` for the HTTP API of a runner
 * @throws {TypeError} for any other URL
 */
export function connect<F extends Functions = Functions>(url: string, options: ConnectOptions = {}): WarrenClient<F> {
  const urls = url.split(",").map((one) => one.trim());
  const schemes = urls.map((one) => URL.canParse(one) ? new URL(one).protocol : "");
  if (schemes.every((scheme) => ["amqp:", "amqps:", "ws:", "wss:"].includes(scheme))) {
    const { name = "warren client", queues = {}, vhost, ca } = options;
    return new WarrenClient<F>(new AmqpTransport({ urls, name, queues, vhost, ca }));
  }
  if (urls.length === 1 && ["http:", "https:"].includes(schemes[0])) {
    return new WarrenClient<F>(new HttpTransport({ url, token: options.token }));
  }
  throw new TypeError(
    `connect() expects a URL of a broker or of an HTTP API, found one that begins with "${schemes[0]}"`,
  );
}
