import { eventually } from "./eventually.ts";

const PROTOCOL_HEADER = new Uint8Array([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);

/** Whether an AMQP 0-9-1 broker answers the protocol header with a method frame within two seconds. */
export async function answers(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  let connection: Deno.TcpConn | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    connection = await Deno.connect({ hostname, port: Number(port || 5672), signal: AbortSignal.timeout(2_000) });
    timer = setTimeout(() => connection?.close(), 2_000);
    await connection.write(PROTOCOL_HEADER);
    const first = new Uint8Array(1);
    const count = await connection.read(first);
    return count === 1 && first[0] === 1;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    try {
      connection?.close();
    } catch {
      // The timer closed it.
    }
  }
}

/** Host and port, for messages. */
export function withoutPassword(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || 5672}`;
}

/** Waits until the broker at `url` answers. */
export async function untilAnswers(url: string, timeout = 60_000): Promise<void> {
  await eventually(() => answers(url), { timeout, interval: 100, what: `a broker at ${withoutPassword(url)}` });
}
