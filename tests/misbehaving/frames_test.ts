import { assert, assertEquals } from "@std/assert";
import { Completions } from "../../lib/sandbox/wire/completions.ts";
import { FrameReader } from "../../lib/sandbox/wire/frames.ts";
import { FrameWriter } from "../../lib/sandbox/wire/frame_writer.ts";
import type { FromGuest } from "../../lib/sandbox/wire/protocol.ts";
import { eventually } from "../support/eventually.ts";

const MB = 1024 * 1024;

/** A writer whose frames are kept, each in one piece. */
class Written {
  readonly frames: FromGuest[][] = [];
  readonly unsendable: FromGuest[] = [];
  readonly writer: FrameWriter<FromGuest>;
  /** Bytes of the largest. */
  largest = 0;

  constructor() {
    const write = (bytes: Uint8Array) => {
      this.frames.push(new FrameReader<FromGuest>().push(bytes));
      this.largest = Math.max(this.largest, bytes.length);
      return Promise.resolve(bytes.length);
    };
    this.writer = new FrameWriter<FromGuest>(
      { write } as unknown as Deno.Conn,
      (error) => {
        throw error;
      },
      (message) => this.unsendable.push(message),
    );
  }

  /** Waits until so many messages are written; gives how many are in each frame. */
  async counts(messages: number): Promise<number[]> {
    await eventually(() => this.frames.flat().length >= messages);
    return this.frames.map(({ length }) => length);
  }
}

function publishing(body: Uint8Array, headers: Record<string, unknown> = {}): FromGuest {
  const completions = new Completions();
  const output = { exchange: "", routingKey: "q", body, properties: {}, headers, delay: 0 };
  completions.add({ id: 1, outputs: [output], result: undefined });
  return completions.pack();
}

Deno.test("what is sent in one turn is one frame", async () => {
  const written = new Written();
  for (let i = 0; i < 10; i++) written.writer.send(["pong"]);
  assertEquals(await written.counts(10), [10]);
});

Deno.test("a burst of large bodies is several frames, none beyond what is read", async () => {
  const written = new Written();
  for (let i = 0; i < 40; i++) written.writer.send(publishing(new Uint8Array(MB)));
  assertEquals(await written.counts(40), [16, 16, 8]);
  assert(written.largest < 17 * MB);
});

Deno.test("a burst of small messages is several frames, in their order", async () => {
  const written = new Written();
  for (let i = 0; i < 2_500; i++) written.writer.send(["done", [i]]);
  assertEquals(await written.counts(2_500), [1_000, 1_000, 500]);
  assertEquals(written.frames.flat(), Array.from({ length: 2_500 }, (_, i): FromGuest => ["done", [i]]));
});

Deno.test("a message that is no data is left out and told, and the others of its frame go", async () => {
  const written = new Written();
  const odd = publishing(new Uint8Array(1), { call() {} });
  for (const message of [["ready"], odd, ["pong"]] as FromGuest[]) written.writer.send(message);
  await written.counts(2);
  assertEquals(written.frames, [[["ready"], ["pong"]]]);
  assertEquals(written.unsendable, [odd]);
});
