/** One server-sent event. */
export interface ServerSentEvent {
  readonly event: string;
  /** Becomes JSON. */
  readonly data: unknown;
}

export interface EventStreamOptions {
  /** Called once nobody reads any more, however that comes. */
  onEnd(): void;
  /** Milliseconds between two signs of life; a reader that takes nothing for two of them is cut off. @default 15_000 */
  ping?: number;
}

/** Events that wait for the reader here; more wait where they come from. */
const WAITING = 16;
const encoder = new TextEncoder();
const PING = encoder.encode(": still here\n\n");

/** Answers with server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) for as long as they come. */
export function eventStream(events: AsyncIterable<ServerSentEvent>, options: EventStreamOptions): Response {
  const { onEnd, ping = 15_000 } = options;
  const iterator = events[Symbol.asyncIterator]();
  let timer: ReturnType<typeof setInterval> | undefined;
  let full = 0;
  const end = () => {
    clearInterval(timer);
    onEnd();
  };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      timer = setInterval(() => {
        if (controller.desiredSize! > 0) {
          full = 0;
          controller.enqueue(PING);
        } else if (++full === 2) {
          end();
          controller.error(new Error("the reader takes nothing"));
        }
      }, ping);
    },
    async pull(controller) {
      const next = await iterator.next().catch((error) => error as Error);
      if (!(next instanceof Error) && !next.done) return controller.enqueue(encoded(next.value));
      end();
      // It was cut off meanwhile.
      if (controller.desiredSize === null) return;
      if (next instanceof Error) controller.enqueue(encoded({ event: "cut", data: { detail: next.message } }));
      controller.close();
    },
    cancel: end,
  }, { highWaterMark: WAITING });
  return new Response(body, { headers: { "content-type": "text/event-stream", "x-accel-buffering": "no" } });
}

function encoded({ event, data }: ServerSentEvent): Uint8Array {
  return encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
