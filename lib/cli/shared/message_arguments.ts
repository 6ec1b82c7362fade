import { describeError, WarrenError } from "../../base/errors.ts";
import type { CommandFlag } from "../../settings/config.ts";

/** The flags of commands that take a message. */
export const MESSAGE_FLAGS: readonly CommandFlag[] = [
  { flag: "content-type", value: "TYPE", text: "application/json for JSON objects and arrays, else text/plain." },
  { flag: "header", value: "KEY=VALUE", text: "A header. You can repeat it.", repeated: true },
  { flag: "message-id", value: "ID", text: "The message id. Default: a new UUID." },
];

/** A message as it was typed. */
export interface TypedMessage {
  readonly body: Uint8Array;
  readonly contentType: string | undefined;
  readonly messageId: string;
  readonly headers: Record<string, string>;
}

/**
 * Reads the body and the flags of MESSAGE_FLAGS.
 *
 * @param given the body, `@file` for the content of a file, `-` or nothing for standard input
 * @throws {WarrenError} `config` for a file that cannot be read, or a header that is not KEY=VALUE
 */
export async function readMessage(given: string | undefined, flags: Map<string, string[]>): Promise<TypedMessage> {
  const body = await readBody(given);
  return {
    body,
    contentType: flags.get("content-type")?.at(-1) ?? contentTypeOf(body),
    messageId: flags.get("message-id")?.at(-1) ?? crypto.randomUUID(),
    headers: headersOf(flags.get("header") ?? []),
  };
}

async function readBody(given: string | undefined): Promise<Uint8Array> {
  if (given?.startsWith("@")) return await readFile(given.slice(1));
  if (given !== undefined && given !== "-") return new TextEncoder().encode(given);
  if (given === undefined && Deno.stdin.isTerminal()) return new Uint8Array();
  return new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer());
}

async function readFile(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    throw new WarrenError("config", `the body's file "${path}" cannot be read: ${describeError(cause)}`, { cause });
  }
}

function contentTypeOf(body: Uint8Array): string | undefined {
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

function headersOf(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((header) => {
      const at = header.indexOf("=");
      if (at < 1) throw new WarrenError("config", `--header: expected KEY=VALUE, found "${header}"`);
      return [header.slice(0, at), header.slice(at + 1)];
    }),
  );
}
