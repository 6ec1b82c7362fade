import type { Limits } from "./limits.ts";
import { isKnown, type Login, MECHANISMS } from "./login.ts";
import { AmqpError, type ReplyName } from "../protocol/amqp_error.ts";
import { FRAME_MIN, METHOD } from "../protocol/constants.ts";
import type { Reader } from "../protocol/reader.ts";
import type { FieldTable } from "../protocol/table.ts";
import type { Writer } from "../protocol/writer.ts";

/** The result of the negotiation. */
export interface Negotiated {
  user: string;
  capabilities: FieldTable;
  frameMax: number;
  channelMax: number;
  /** Seconds. 0 means none. */
  heartbeat: number;
}

export interface HandshakeOptions {
  limits: Limits;
  users: Readonly<Record<string, string>>;
  /** Whether the client is on this machine. The guest account works only there. */
  local: boolean;
  version: string;
  send(write: (writer: Writer) => Writer, method: number): void;
}

/** A refusal during the handshake. Most close the connection without an answer, as on RabbitMQ. */
export class HandshakeRefused extends AmqpError {
  /** Whether the client gets an answer. */
  readonly told: boolean;

  constructor(reply: ReplyName, text: string, told: boolean) {
    super(reply, text, false);
    this.told = told;
  }
}

const CAPABILITIES = [
  "publisher_confirms",
  "exchange_exchange_bindings",
  "basic.nack",
  "consumer_cancel_notify",
  "connection.blocked",
  "consumer_priorities",
  "authentication_failure_close",
  "per_consumer_qos",
  "direct_reply_to",
];

/** Handles the methods from `connection.start` to `connection.open`, in their order. */
export class Handshake {
  readonly #options: HandshakeOptions;
  readonly #negotiated: Negotiated;
  #expected: number = METHOD.connectionStartOk;
  #tuned = false;

  constructor(options: HandshakeOptions) {
    this.#options = options;
    const { frameMax, channelMax, heartbeat } = options.limits;
    this.#negotiated = { user: "", capabilities: Object.create(null), frameMax, channelMax, heartbeat };
  }

  /** Maximum frame size now. Before the negotiation it is the minimum that every peer must accept. */
  get frameMax(): number {
    return this.#tuned ? this.#negotiated.frameMax : FRAME_MIN;
  }

  start(): void {
    const capabilities = Object.fromEntries(CAPABILITIES.map((name) => [name, true]));
    const properties = {
      capabilities,
      cluster_name: "warren@localhost",
      product: "Warren",
      version: this.#options.version,
      platform: `Deno ${Deno.version.deno}`,
      copyright: "Copyright (c) the Warren authors",
      information: "The broker that Warren brings along",
    };
    this.#options.send(
      (writer) =>
        writer.u8(0).u8(9).table(properties).longString(Object.keys(MECHANISMS).join(" ")).longString("en_US"),
      METHOD.connectionStart,
    );
  }

  /**
   * Handles the next method. Returns the result once the connection is open.
   *
   * @throws {AmqpError} for an unexpected method, or if the negotiation fails
   */
  take(method: number, args: Reader): Negotiated | undefined {
    if (method !== this.#expected) {
      throw new HandshakeRefused("commandInvalid", "a method out of its order in the handshake", false);
    }
    if (method === METHOD.connectionStartOk) this.#startOk(args);
    else if (method === METHOD.connectionTuneOk) this.#tuneOk(args);
    else return this.#open(args);
  }

  #startOk(args: Reader): void {
    const properties = args.table();
    const mechanism = args.shortString();
    const response = args.longBytes();
    args.shortString();
    const { capabilities } = properties;
    if (typeof capabilities === "object" && capabilities !== null) {
      this.#negotiated.capabilities = capabilities as FieldTable;
    }
    const login = Object.hasOwn(MECHANISMS, mechanism) ? MECHANISMS[mechanism](response) : undefined;
    if (!login || !this.#mayEnter(login)) {
      throw new HandshakeRefused(
        "accessRefused",
        `Login was refused using authentication mechanism ${mechanism}. For details see the broker logfile.`,
        this.#negotiated.capabilities.authentication_failure_close === true,
      );
    }
    this.#negotiated.user = login.user;
    const { channelMax, frameMax, heartbeat } = this.#options.limits;
    this.#options.send((writer) => writer.u16(channelMax).u32(frameMax).u16(heartbeat), METHOD.connectionTune);
    this.#expected = METHOD.connectionTuneOk;
  }

  #mayEnter(login: Login): boolean {
    return isKnown(login, this.#options.users) && (this.#options.local || login.user !== "guest");
  }

  #tuneOk(args: Reader): void {
    const { channelMax, frameMax } = this.#options.limits;
    const agree = (name: string, asked: number, least: number, most: number) => {
      if (asked < least || asked > most) {
        const how = asked < least
          ? `lower than the minimum allowed value (${least})`
          : `higher than the maximum allowed value (${most})`;
        throw new HandshakeRefused("notAllowed", `negotiated ${name} = ${asked} is ${how}`, false);
      }
      return asked;
    };
    this.#negotiated.channelMax = agree("channel_max", args.u16(), 1, channelMax);
    this.#negotiated.frameMax = agree("frame_max", args.u32(), FRAME_MIN, frameMax);
    this.#negotiated.heartbeat = args.u16();
    this.#tuned = true;
    this.#expected = METHOD.connectionOpen;
  }

  #open(args: Reader): Negotiated {
    const vhost = args.shortString();
    if (vhost !== "/") throw new HandshakeRefused("notAllowed", `vhost ${vhost} not found`, true);
    this.#options.send((writer) => writer.shortString(""), METHOD.connectionOpenOk);
    return this.#negotiated;
  }
}
