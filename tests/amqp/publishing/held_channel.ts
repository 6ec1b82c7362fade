import type { AMQPChannel } from "@cloudamqp/amqp-client";
import type { Client } from "../../../lib/amqp/client/client.ts";
import { SENT } from "../../../lib/amqp/client/coalesce_writes.ts";
import { decodeText } from "../../../lib/base/utf8.ts";

/** What a confirm channel makes of the client's. */
interface Listening extends AMQPChannel {
  publishConfirmed(tag: number, multiple: boolean, nack: boolean): void;
  setClosed(error?: Error): void;
}

/** Where the texts of a `basic.publish` begin: behind the head of the frame, its class and method, and a reserved number. */
const TEXTS = 13;

/** A client with one channel, whose broker does what the test says, when it says so. */
export class HeldChannel {
  readonly sent: { routingKey: string; mandatory: boolean; confirm(): void; refuse(): void }[] = [];
  readonly channel: Listening;
  readonly client: Client;

  constructor({ frameMax = 131_072 } = {}) {
    const setClosed = () => {
      this.channel.closed = true;
    };
    this.channel = { id: 1, closed: false, confirmSelect: () => Promise.resolve(), setClosed } as unknown as Listening;
    const client = {
      frameMax,
      channel: () => Promise.resolve(this.channel),
      send: (bytes: Uint8Array) => this.#note(bytes),
    };
    this.client = client as unknown as Client;
  }

  /** The broker confirms everything up to that message, by its number from 1 on. */
  confirmUpTo(number: number): void {
    this.channel.publishConfirmed(number, true, false);
  }

  /** The broker gives a message back that no queue takes, before it confirms it. */
  giveBack(routingKey: string): void {
    const returned = { exchange: "", routingKey, replyText: "NO_ROUTE", replyCode: 312 };
    this.channel.onReturn(returned as Parameters<AMQPChannel["onReturn"]>[0]);
  }

  #note(bytes: Uint8Array): Promise<void> {
    const number = this.sent.length + 1;
    const keyAt = TEXTS + 1 + bytes[TEXTS];
    const end = keyAt + 1 + bytes[keyAt];
    this.sent.push({
      routingKey: decodeText(bytes, keyAt + 1, end),
      mandatory: bytes[end] === 1,
      confirm: () => this.channel.publishConfirmed(number, false, false),
      refuse: () => this.channel.publishConfirmed(number, false, true),
    });
    return SENT;
  }
}
