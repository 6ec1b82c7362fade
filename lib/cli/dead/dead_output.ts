import { decodeBody } from "../../invocation/content/codec.ts";
import { type DeadLetter, detailOf, summaryOf } from "../../invocation/dead_letters/dead_letter.ts";
import { describeError } from "../../base/errors.ts";
import { printable } from "../printable.ts";

/** Bytes. Longer bodies are shown as base64. */
const MAX_HEX = 1024;
const HEX_LINE = 64;

/** The widths of all columns except the last. */
const COLUMNS: [title: string, width: number][] = [
  ["when", 20],
  ["reason", 11],
  ["attempts", 8],
  ["error", 48],
  ["message id", 36],
];

/** The head of the table of `list`. */
export const LIST_HEAD = row([...COLUMNS.map(([title]) => title), "size"]);

/** One line of that table. */
export function listRow(letter: DeadLetter): string {
  const { failedAt, reason, attempts, errorType, error, id, size, redriven } = letter;
  const when = failedAt ? `${failedAt.toISOString().slice(0, 19)}Z` : "-";
  const failure = [errorType, error].filter((text) => text !== undefined).join(": ");
  const times = `${attempts ?? "-"}${redriven > 0 ? ` +${redriven}r` : ""}`;
  return row([when, reason ?? "-", times, failure || "-", id ?? "-", String(size)]);
}

/** The same as JSON. */
export function listJson(letter: DeadLetter): string {
  return JSON.stringify(summaryOf(letter));
}

export async function showJson(letter: DeadLetter): Promise<string> {
  return JSON.stringify(await detailOf(letter));
}

/** A whole dead letter, as text. */
export async function showText(letter: DeadLetter): Promise<string> {
  const { id, failedAt, firstSeen, reason, attempts, redriven, errorType, error, stack } = letter;
  const { headers, properties } = await detailOf(letter);
  const lines = [
    ["message id", id],
    ["failed at", failedAt?.toISOString()],
    ["first failed", firstSeen?.toISOString()],
    ["reason", reason],
    ["attempts", attempts],
    ["redriven", redriven],
    ["function", letter.function],
    ["host", letter.host],
    ["exchange", letter.exchange],
    ["routing key", letter.routingKey],
    ["error", [errorType, error].filter((text) => text !== undefined).join(": ")],
  ].map(([name, value]) => `${String(name).padEnd(13)} ${value === undefined || value === "" ? "-" : value}`);
  if (stack) lines.push("", stack);
  const own = Object.entries(headers as object).filter(([name]) => !name.startsWith("warren-"));
  lines.push("", "properties", ...fields(Object.entries(properties as object)), "", "headers", ...fields(own));
  lines.push("", `body, ${letter.size} bytes`, await bodyText(letter));
  return printable(lines.join("\n"));
}

function fields(entries: [string, unknown][]): string[] {
  if (entries.length === 0) return ["  none"];
  return entries.map(([name, value]) => `  ${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
}

async function bodyText({ body, properties, headers }: DeadLetter): Promise<string> {
  try {
    const value = await decodeBody(body, properties, { headers });
    if (typeof value === "string") return value;
    return value instanceof Uint8Array ? bytesText(value) : JSON.stringify(value, null, 2);
  } catch (error) {
    return `(${describeError(error)})\n${bytesText(body)}`;
  }
}

function bytesText(bytes: Uint8Array): string {
  if (bytes.length > MAX_HEX) return `base64: ${bytes.toBase64()}`;
  return `hex:\n${bytes.toHex().replace(new RegExp(`.{${HEX_LINE}}`, "g"), "$&\n").trimEnd()}`;
}

function row(cells: readonly string[]): string {
  return cells.map((cell, column) => {
    const text = printable(cell).replace(/\s+/g, " ");
    const [, width] = COLUMNS[column] ?? [];
    if (width === undefined) return text;
    // Ids are never cut, so that you can copy them. Errors are.
    const cut = column === 3 && text.length > width ? `${text.slice(0, width - 1)}…` : text;
    return cut.padEnd(width);
  }).join("  ");
}
