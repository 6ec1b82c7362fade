import { Publisher } from "../amqp/publishing/publisher.ts";
import { WarrenError } from "../base/errors.ts";
import type { Command, CommandContext } from "./command.ts";
import { withConnection } from "./connect.ts";

/** Milliseconds for the connection and the confirm. */
const PATIENCE = 5_000;

/** Publishes one message and waits for the broker's confirm. */
export const publish: Command = {
  summary: "Publish one message, and wait until the broker has it",
  usage: "QUEUE [BODY]   (the body from standard input where there is none, or it is -)",
  flags: [
    { flag: "exchange", value: "NAME", text: "Publish to this exchange; QUEUE is then the routing key." },
    { flag: "content-type", value: "TYPE", text: "application/json for JSON objects and arrays, else text/plain." },
    { flag: "header", value: "KEY=VALUE", text: "A header; may be repeated.", repeated: true },
    { flag: "message-id", value: "ID", text: "A new UUID where it is not given." },
  ],
  async run(context) {
    const { positional, flags, print } = context;
    const [routingKey, given, ...rest] = positional;
    if (routingKey === undefined || rest.length > 0) {
      const more = rest.length > 0 ? `; "${rest[0]}" is one too many, and flags are like --header` : "";
      throw new WarrenError("config", `publish needs a queue and a body, as in: publish hello 0${more}`);
    }
    const body = await readBody(given);
    const exchange = flags.get("exchange")?.at(-1) ?? "";
    const messageId = flags.get("message-id")?.at(-1) ?? crypto.randomUUID();
    const properties = {
      messageId,
      deliveryMode: 2,
      timestamp: new Date(),
      contentType: flags.get("content-type")?.at(-1) ?? contentType(body),
      headers: headers(context),
    };
    await withConnection(context, "publish", { exchange, routingKey }, async (connection) => {
      const signal = AbortSignal.timeout(PATIENCE);
      await new Publisher(connection).publish({ exchange, routingKey, body, properties }, { signal });
    });
    print(`${messageId} is with the broker, for ${exchange ? `exchange ${exchange}, key ` : "queue "}${routingKey}`);
    return 0;
  },
};

async function readBody(given: string | undefined): Promise<Uint8Array> {
  if (given !== undefined && given !== "-") return new TextEncoder().encode(given);
  if (given === undefined && Deno.stdin.isTerminal()) return new Uint8Array();
  return new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer());
}

function contentType(body: Uint8Array): string | undefined {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    return undefined;
  }
  if (/^\s*[[{]/.test(text)) {
    try {
      JSON.parse(text);
      return "application/json";
    } catch {
      // Text that only begins like JSON.
    }
  }
  return "text/plain; charset=utf-8";
}

function headers({ flags }: CommandContext): Record<string, string> {
  return Object.fromEntries(
    (flags.get("header") ?? []).map((header) => {
      const at = header.indexOf("=");
      if (at < 1) throw new WarrenError("config", `--header: expected KEY=VALUE, found "${header}"`);
      return [header.slice(0, at), header.slice(at + 1)];
    }),
  );
}
