import type { AMQPProperties } from "@cloudamqp/amqp-client";

/** The name of the queue for outputs, as what follows that of the queue. */
export const OUTPUTS = ".out";

export const BODY_TEXT: string = JSON.stringify({ order: 42, note: "x".repeat(80) });
/** About 100 bytes of JSON. */
export const BODY: Uint8Array = new TextEncoder().encode(BODY_TEXT);
export const PROPERTIES: AMQPProperties = { contentType: "application/json" };

/** The same message as Celery's clients write it. */
export const CELERY_BODY: Uint8Array = new TextEncoder().encode(
  JSON.stringify([[JSON.parse(BODY_TEXT)], {}, { callbacks: null, errbacks: null, chain: null, chord: null }]),
);

export function celeryProperties(): AMQPProperties {
  const id = crypto.randomUUID();
  const headers = { lang: "py", task: "bench", id, root_id: id, retries: 0 };
  return { ...PROPERTIES, contentEncoding: "utf-8", correlationId: id, headers };
}
