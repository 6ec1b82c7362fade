/** A line of a function's output is cut here, in characters. */
const MAX_LINE = 8_192;

/**
 * Reads a stream of text line by line, each bounded: a handler that prints
 * without a line end costs its own output, not the runner's memory.
 */
export async function readLines(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<void> {
  let rest = "";
  let skipping = false;
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      if (!skipping) onLine(line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line);
      skipping = false;
    }
    if (rest.length > MAX_LINE) {
      if (!skipping) onLine(`${rest.slice(0, MAX_LINE)}…`);
      skipping = true;
      rest = "";
    }
  }
  if (rest && !skipping) onLine(rest);
}
