import { assert, assertEquals } from "@std/assert";
import { encodeFrame, FRAME_METHOD, PROTOCOL_HEADER, Wire } from "../support/amqp/wire.ts";
import { handshake, MECHANISMS, type Tune, vhostOf } from "../support/amqp/raw_client.ts";
import { decodeMethod, encodeMethod, type MethodInput, type MethodName } from "../support/amqp/methods.ts";
import { type PlainTable, plainTable } from "../support/amqp/raw_codec.ts";
import type { ConformanceCase } from "./conformance_case.ts";

const badHeader = (name: string, header: number[]): ConformanceCase => ({
  name: `${name} is answered with the header of AMQP 0-9-1 and the end of the TCP connection`,
  async run({ url }) {
    await using wire = await Wire.open(url);
    await wire.write(Uint8Array.from(header));
    assertEquals(await wire.readBytes(8), PROTOCOL_HEADER);
    await wire.readEnd();
  },
});

function frame<M extends MethodName>(name: M, values: MethodInput<M>): Uint8Array {
  return encodeFrame(FRAME_METHOD, 0, encodeMethod(name, values));
}

type WrongTurn = [what: string, take: (wire: Wire, url: string) => Promise<void>];

const wrongLogin = (what: string, mechanism: string, response: string | Uint8Array): WrongTurn => [
  what,
  async (wire) => {
    await wire.write(PROTOCOL_HEADER);
    await wire.readMethod("connection.start");
    await wire.writeMethod(0, "connection.startOk", { mechanism, response, locale: "en_US" });
  },
];

const wrongTune = (what: string, answer: (offered: Tune) => Partial<Tune>): WrongTurn => [
  what,
  async (wire, url) => {
    const { tune } = await handshake(wire, url);
    await wire.writeMethod(0, "connection.tuneOk", { ...tune, ...answer(tune) });
    await wire.writeMethod(0, "connection.open", { virtualHost: vhostOf(url) });
  },
];

const wrongFrame = (payload: number): WrongTurn => [
  `a payload of ${payload} bytes`,
  async (wire) => {
    await wire.write(PROTOCOL_HEADER);
    await wire.readMethod("connection.start");
    await wire.write(login(payload));
  },
];

const WRONG_LOGINS: WrongTurn[] = [
  wrongLogin("a wrong password", "PLAIN", MECHANISMS.PLAIN("guest", "wrong")),
  wrongLogin("a user that does not exist", "PLAIN", MECHANISMS.PLAIN("nobody", "wrong")),
  wrongLogin("a wrong password by AMQPLAIN", "AMQPLAIN", MECHANISMS.AMQPLAIN("guest", "wrong")),
  wrongLogin("a response that is not one of PLAIN", "PLAIN", "no zero byte"),
  wrongLogin("a mechanism that does not exist", "SMOKE", ""),
];

const WRONG_TURNS: WrongTurn[] = [
  wrongTune("more channels than offered", ({ channelMax }) => ({ channelMax: channelMax + 1 })),
  wrongTune("no limit of channels", () => ({ channelMax: 0 })),
  wrongTune("larger frames than offered", ({ frameMax }) => ({ frameMax: frameMax + 1 })),
  wrongTune("no limit of frames", () => ({ frameMax: 0 })),
  wrongTune("frames smaller than 4096", () => ({ frameMax: 4095 })),
  ["open in place of start-ok", async (wire, url) => {
    await wire.write(PROTOCOL_HEADER);
    await wire.readMethod("connection.start");
    await wire.writeMethod(0, "connection.open", { virtualHost: vhostOf(url) });
  }],
  ["a channel in place of tune-ok", async (wire, url) => {
    await handshake(wire, url);
    await wire.writeMethod(1, "channel.open", {});
  }],
];

/** A login whose frame has a payload of this size. */
function login(payload: number): Uint8Array {
  const padded = (pad: string) =>
    encodeMethod("connection.startOk", {
      mechanism: "PLAIN",
      response: MECHANISMS.PLAIN("guest", "guest"),
      locale: "en_US",
      clientProperties: { pad },
    });
  return encodeFrame(FRAME_METHOD, 0, padded("x".repeat(payload - padded("").length)));
}

/** Takes each of the turns on a connection of its own, all at once: RabbitMQ takes seconds before it hangs up. */
async function together(turns: WrongTurn[], url: string, check: (wire: Wire, what: string) => Promise<void>) {
  await Promise.all(turns.map(async ([what, take]) => {
    await using wire = await Wire.open(url);
    await take(wire, url);
    await check(wire, what);
  }));
}

/** Before and after the opening of a connection. */
export const handshakeCases: ConformanceCase[] = [
  {
    name: "a connection starts with version 0-9, the mechanisms and the locale",
    async run({ url }) {
      await using wire = await Wire.open(url);
      await wire.write(PROTOCOL_HEADER);
      const start = await wire.readMethod("connection.start");
      assertEquals([start.versionMajor, start.versionMinor], [0, 9]);
      const mechanisms = start.mechanisms.split(" ");
      assert(mechanisms.includes("PLAIN"));
      assert(mechanisms.includes("AMQPLAIN"));
      assertEquals(start.locales, "en_US");
    },
  },
  {
    name: "the server properties name the product, its version, platform and what it can do",
    async run({ url }) {
      await using wire = await Wire.open(url);
      await wire.write(PROTOCOL_HEADER);
      const { serverProperties } = await wire.readMethod("connection.start");
      const properties = plainTable(serverProperties);
      for (const name of ["product", "version", "platform"]) {
        assert(typeof properties[name] === "string" && properties[name] !== "", name);
        assertEquals(serverProperties[name].type, "S");
      }
      const capabilities = properties.capabilities as PlainTable;
      const wanted = [
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
      for (const name of wanted) assertEquals(capabilities[name], true, name);
    },
  },
  {
    name: "the broker offers channels, frames and a heartbeat to tune",
    async run({ url }) {
      await using wire = await Wire.open(url);
      const { tune } = await handshake(wire, url);
      assert(tune.channelMax > 0);
      assert(tune.frameMax >= 4096);
      assert(tune.heartbeat > 0);
    },
  },
  {
    name: "PLAIN opens a connection",
    async run(broker) {
      const client = await broker.client({ mechanism: "PLAIN" });
      await client.channel();
    },
  },
  {
    name: "AMQPLAIN opens a connection",
    async run(broker) {
      const client = await broker.client({ mechanism: "AMQPLAIN" });
      await client.channel();
    },
  },
  {
    name: "a wrong password is answered with 403 where the client asked for authentication_failure_close",
    async run({ url }) {
      await using wire = await Wire.open(url);
      await wire.write(PROTOCOL_HEADER);
      await wire.readMethod("connection.start");
      await wire.writeMethod(0, "connection.startOk", {
        clientProperties: { capabilities: { authentication_failure_close: true } },
        mechanism: "PLAIN",
        response: MECHANISMS.PLAIN("guest", "wrong"),
        locale: "en_US",
      });
      const close = await wire.readMethod("connection.close");
      assertEquals([close.replyCode, close.classId, close.methodId], [403, 0, 0]);
      assert(close.replyText.startsWith("ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN"));
      await wire.writeMethod(0, "connection.closeOk", {});
      await wire.readEnd();
    },
  },
  {
    name: "a vhost that does not exist is refused with 530",
    async run({ url }) {
      await using wire = await Wire.open(url);
      const { tune } = await handshake(wire, url);
      await wire.writeMethod(0, "connection.tuneOk", tune);
      await wire.writeMethod(0, "connection.open", { virtualHost: "no such vhost" });
      const close = await wire.readMethod("connection.close");
      assertEquals([close.replyCode, close.classId, close.methodId], [530, 10, 40]);
      assertEquals(close.replyText, "NOT_ALLOWED - vhost no such vhost not found");
      await wire.writeMethod(0, "connection.closeOk", {});
      await wire.readEnd();
    },
  },
  badHeader("a header of AMQP 0-9-2", [0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 2]),
  badHeader("a header of AMQP 1.0", [0x41, 0x4d, 0x51, 0x50, 0, 1, 0, 0]),
  badHeader("an HTTP request", [...new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")]),
  {
    name: "a login that fails ends the TCP connection without a word, for a client that asked for no close",
    async run({ url }) {
      await together(WRONG_LOGINS, url, async (wire, what) => assertEquals(await wire.readFrame(), undefined, what));
    },
  },
  {
    name: "a handshake that goes wrong ends the TCP connection, at most after a close",
    async run({ url }) {
      await together(WRONG_TURNS, url, async (wire, what) => {
        const frame = await wire.readFrame();
        if (!frame) return;
        assertEquals(decodeMethod(frame.payload).name, "connection.close", what);
        await wire.writeMethod(0, "connection.closeOk", {});
        await wire.readEnd();
      });
    },
  },
  {
    name: "until frames are agreed on, a payload of more than 4096 bytes ends the TCP connection",
    async run({ url }) {
      await together([4097, 131_000].map((size) => wrongFrame(size)), url, async (wire, what) => {
        assertEquals(await wire.readFrame(15_000), undefined, what);
      });
      await using wire = await Wire.open(url);
      await wire.write(PROTOCOL_HEADER);
      await wire.readMethod("connection.start");
      await wire.write(login(4096));
      await wire.readMethod("connection.tune");
    },
  },
  {
    name: "the handshake works where every byte has a TCP write of its own",
    async run({ url }) {
      await using wire = await Wire.open(url);
      const slowly = async (bytes: Uint8Array) => {
        for (const byte of bytes) await wire.write(Uint8Array.of(byte));
      };
      await slowly(PROTOCOL_HEADER);
      await wire.readMethod("connection.start");
      const { username, password } = new URL(url);
      const response = MECHANISMS.PLAIN(username, password);
      await slowly(frame("connection.startOk", { mechanism: "PLAIN", response, locale: "en_US" }));
      const tune = await wire.readMethod("connection.tune");
      await slowly(frame("connection.tuneOk", { ...tune, heartbeat: 0 }));
      await slowly(frame("connection.open", { virtualHost: vhostOf(url) }));
      await wire.readMethod("connection.openOk");
    },
  },
];
