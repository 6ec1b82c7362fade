import type { Attributes, Span, SpanOptions, Spans } from "../../../lib/invocation/tracing/spans.ts";

/** A span that a test looks at. */
export class FakeSpan implements Span {
  readonly attributes: Record<string, unknown>;
  readonly events: { name: string; attributes: Attributes }[] = [];
  failed = false;
  ended = 0;

  constructor(readonly name: string, readonly id: number, readonly options: SpanOptions) {
    this.attributes = { ...options.attributes };
  }

  spanContext() {
    const { traceId = "a".repeat(32) } = this.options.parent ?? {};
    return { traceId, spanId: `${this.id}`.padStart(16, "0"), traceFlags: 1 };
  }

  setAttribute(name: string, value: unknown): void {
    this.attributes[name] = value;
  }

  updateName(): void {}

  setStatus(): void {
    this.failed = true;
  }

  addEvent(name: string, attributes: Attributes): void {
    this.events.push({ name, attributes });
  }

  end(): void {
    this.ended++;
  }
}

/** Spans that are not exported. Like `Spans`, it makes none for a trace that is not sampled. */
export class FakeSpans implements Pick<Spans, "start"> {
  readonly all: FakeSpan[] = [];

  start(name: string, options: SpanOptions): Span | undefined {
    if (options.parent?.flags === "00") return undefined;
    const span = new FakeSpan(name, this.all.length + 1, options);
    this.all.push(span);
    return span;
  }
}
