import type { MessageEvent, MessageEvents } from "../../../lib/invocation/insight/message_event.ts";

/** Every message is done. */
export class FakeMessageEvents implements MessageEvents {
  /** What follow() throws. */
  failure: Error | undefined;

  follow(): AsyncIterable<MessageEvent> {
    if (this.failure) throw this.failure;
    return doneAtOnce();
  }
}

async function* doneAtOnce(): AsyncGenerator<MessageEvent> {
  yield { kind: "queued" };
  yield await Promise.resolve({ kind: "done", function: "hello", attempt: 1, result: 7 } as const);
}
