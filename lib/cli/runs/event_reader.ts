/** One server-sent event. */
export interface ReceivedEvent {
  readonly event: string;
  readonly data: string;
}

/** The events of a stream of server-sent events; comments are left out. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ReceivedEvent> {
  let rest = "";
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split(/\r?\n\r?\n/);
    rest = blocks.pop()!;
    for (const block of blocks) {
      const lines = block.split(/\r?\n/);
      const data = valuesOf(lines, "data");
      if (data.length > 0) yield { event: valuesOf(lines, "event").at(-1) ?? "message", data: data.join("\n") };
    }
  }
}

function valuesOf(lines: readonly string[], field: string): string[] {
  return lines.filter((line) => line.startsWith(`${field}:`)).map((line) =>
    line.slice(field.length + 1).replace(/^ /, "")
  );
}
