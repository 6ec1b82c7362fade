import { hideSecretsOfUrls } from "./hide_secrets.ts";
import { VERSION_OF_SPANS } from "./span_names.ts";
import { readTrace, type TraceContext, TRACEPARENT } from "../trace_context.ts";

/** What OpenTelemetry's API calls `SpanKind`. */
export const KIND = { internal: 0, server: 1, client: 2, producer: 3, consumer: 4 } as const;

export type Attributes = Record<string, string | number | undefined>;

/** The part of OpenTelemetry's `Span` that is used here. */
export interface Span {
  spanContext(): { traceId: string; spanId: string; traceFlags: number };
  setAttribute(name: string, value: unknown): void;
  setStatus(status: { code: number }): void;
  updateName(name: string): void;
  addEvent(name: string, attributes: Attributes, time?: number): void;
  end(time?: number): void;
}

export interface SpanOptions {
  readonly kind: number;
  readonly attributes: Attributes;
  /** The span above it. Without one, a trace begins. */
  readonly parent?: TraceContext;
  /** @default none */
  readonly links?: readonly TraceContext[];
  /** Milliseconds since 1970. @default now */
  readonly startTime?: number;
}

/** OpenTelemetry's `Context`, `ContextManager` and `Tracer`, as Deno has them. */
interface Context {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): Context;
}
interface ContextManager {
  active(): Context;
  with<T>(context: Context, run: () => T): T;
}
interface Tracer {
  startSpan(name: string, options: Record<string, unknown>, context: Context): Span;
}

/** Deno puts OpenTelemetry's API here if OTEL_DENO is on, and `npm:@opentelemetry/api` finds it here. */
const API = Symbol.for("opentelemetry.js.api.1");
/** Where a context has its span. */
const SPAN_KEY = Symbol.for("OpenTelemetry Context Key SPAN");
const ERROR = { code: 2 };
const SAMPLED = 1;
const SAMPLER = "OTEL_TRACES_SAMPLER";

/** Makes spans with Deno's own OpenTelemetry, which exports them. There is none unless OTEL_DENO is on. */
export class Spans {
  readonly #tracer: Tracer;
  readonly #contexts: ContextManager;
  /** A context without a span. */
  readonly #root: Context;
  /** Deno samples all spans unless OTEL_TRACES_SAMPLER is set, even those of a trace that is not sampled. */
  readonly #respectsParent: boolean;

  private constructor(tracer: Tracer, contexts: ContextManager, respectsParent: boolean) {
    this.#tracer = tracer;
    this.#contexts = contexts;
    this.#root = contexts.active();
    this.#respectsParent = respectsParent;
  }

  /** Undefined if spans are off. To be called before any span is active. */
  static open(): Spans | undefined {
    const api = (globalThis as Record<symbol, unknown>)[API] as { trace?: unknown; context?: unknown } | undefined;
    // Other runtimes may have the API there, too.
    if (!api?.trace || !api.context || typeof Deno === "undefined") return undefined;
    if (valueOf("OTEL_TRACES_EXPORTER") === "none") return undefined;
    const { tracerProvider, contextManager } = Deno.telemetry;
    const tracer: Tracer = tracerProvider.getTracer("warren", VERSION_OF_SPANS);
    // A span that does not end is not exported.
    hideSecretsOfUrls(tracer.startSpan("", {}, contextManager.active()));
    return new Spans(tracer, contextManager, valueOf(SAMPLER) === undefined);
  }

  /** Undefined if the trace of its parent is not sampled, so that nothing is to be recorded. */
  start(name: string, { kind, attributes, parent, links = [], startTime }: SpanOptions): Span | undefined {
    if (this.#respectsParent && parent && !isSampled(parent)) return undefined;
    const context = parent ? this.#root.setValue(SPAN_KEY, new RemoteSpan(parent)) : this.#root;
    const linked = links.map((link) => ({ context: remoteContext(link) }));
    const given = Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
    return this.#tracer.startSpan(name, { kind, attributes: given, links: linked, startTime }, context);
  }

  /** Runs something so that the spans that it starts are children of this one. */
  within<T>(span: Span, run: () => T): T {
    return this.#contexts.with(this.#root.setValue(SPAN_KEY, span), run);
  }

  /** Runs something so that the spans that it starts are in this trace. */
  inTrace<T>(trace: TraceContext, run: () => T): T {
    return this.within(new RemoteSpan(trace), run);
  }

  /** Renames the active span, if there is one. */
  nameActive(name: string, attributes: Attributes): void {
    const span = this.#contexts.active().getValue(SPAN_KEY) as Span | undefined;
    span?.updateName(name);
    for (const [name, value] of Object.entries(attributes)) span?.setAttribute(name, value);
  }

  /**
   * The active span as the trace of a request that came with the trace `given`. Undefined if no span is active.
   */
  active(given: TraceContext | undefined): TraceContext | undefined {
    const span = this.#contexts.active().getValue(SPAN_KEY) as Span | undefined;
    const trace = span && readTrace({ [TRACEPARENT]: traceparentOf(span) });
    if (!trace) return undefined;
    const flags = this.#respectsParent && given && !isSampled(given) ? given.flags : trace.flags;
    return { ...trace, flags, state: given?.state };
  }
}

/** The header that makes a message part of a span's trace. */
export function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/** Marks a span as failed. The error's message is not in it: it may have secrets, and parts of a body. */
export function fail(span: Span, type: string): void {
  span.setAttribute("error.type", type);
  span.setStatus(ERROR);
}

function isSampled({ flags }: TraceContext): boolean {
  return (parseInt(flags, 16) & SAMPLED) !== 0;
}

/** Inside a function's process, variables are set even if they cannot be read: see `tracingVariables()`. */
function valueOf(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : "";
}

function remoteContext({ traceId, spanId, flags }: TraceContext) {
  return { traceId, spanId, traceFlags: parseInt(flags, 16), isRemote: true };
}

/** A span of another process. All that is done to it has no effect. */
class RemoteSpan implements Span {
  readonly #trace: TraceContext;

  constructor(trace: TraceContext) {
    this.#trace = trace;
  }

  spanContext() {
    return remoteContext(this.#trace);
  }

  isRecording(): boolean {
    return false;
  }

  setAttribute(): this {
    return this;
  }

  setAttributes(): this {
    return this;
  }

  addEvent(): this {
    return this;
  }

  addLink(): this {
    return this;
  }

  addLinks(): this {
    return this;
  }

  setStatus(): this {
    return this;
  }

  updateName(): this {
    return this;
  }

  end(): void {}

  recordException(): void {}
}
