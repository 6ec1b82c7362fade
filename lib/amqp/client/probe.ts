import { AMQPView } from "@cloudamqp/amqp-client/amqp-view";
import { describeError } from "../../base/errors.ts";
import { type BrokerIdentity, identify } from "./client.ts";

/**
 * What is at a port: nothing that listens, a broker, something that speaks no AMQP 0-9-1, something that hangs up
 * (so does a broker that ends), or something that says nothing (so does a broker that is busy).
 */
export type Found =
  | { kind: "nothing" }
  | { kind: "broker"; broker: BrokerIdentity }
  | { kind: "stranger" | "closed" | "silent"; why: string };

export interface ProbeOptions {
  /** Milliseconds for the answer. @default 5_000 */
  timeout?: number;
  signal?: AbortSignal;
}

const PROTOCOL_HEADER = new Uint8Array([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);
const METHOD_FRAME = 1;
/** The most bytes of an answer. `connection.start` is far shorter. */
const MAX_ANSWER = 65_536;

/**
 * Says the protocol header to whatever listens there, and reads how it introduces itself.
 *
 * @throws whatever it is that keeps this machine from connecting, if not that nothing listens
 */
export async function probe(hostname: string, port: number, options: ProbeOptions = {}): Promise<Found> {
  const { timeout = 5_000, signal } = options;
  const limit = AbortSignal.timeout(timeout);
  const end = signal ? AbortSignal.any([limit, signal]) : limit;
  let connection: Deno.TcpConn;
  try {
    connection = await Deno.connect({ hostname, port, signal: end });
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return { kind: "nothing" };
    if (limit.aborted) return { kind: "silent", why: `it takes no connection within ${timeout / 1000} s` };
    throw error;
  }
  const close = () => closeQuietly(connection);
  end.addEventListener("abort", close);
  if (end.aborted) close();
  try {
    return await ask(connection);
  } catch (error) {
    if (limit.aborted) return { kind: "silent", why: `it does not answer within ${timeout / 1000} s` };
    return { kind: "closed", why: describeError(error) };
  } finally {
    end.removeEventListener("abort", close);
    close();
  }
}

async function ask(connection: Deno.TcpConn): Promise<Found> {
  await connection.write(PROTOCOL_HEADER);
  const answer = new AMQPView(new ArrayBuffer(MAX_ANSWER));
  const bytes = new Uint8Array(answer.buffer);
  for (let length = 0; length < MAX_ANSWER;) {
    const count = await connection.read(bytes.subarray(length));
    if (count === null) return { kind: "closed", why: "it closed the connection" };
    length += count;
    if (bytes[0] !== METHOD_FRAME) break;
    if (length < 7 || length < answer.getUint32(3) + 8) continue;
    const broker: BrokerIdentity = { product: "unknown broker", version: "" };
    identify(answer, broker);
    return { kind: "broker", broker };
  }
  return { kind: "stranger", why: "its answer is not that of AMQP 0-9-1" };
}

function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}
