/** A span as it was exported. */
export interface SeenSpan {
  readonly name: string;
  readonly kind: "internal" | "server" | "client" | "producer" | "consumer";
  readonly traceId: string;
  readonly spanId: string;
  /** Empty if a trace begins with it. */
  readonly parent: string;
  /** The ids of the spans that it is linked to. */
  readonly links: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }[];
  readonly failed: boolean;
  /** Those of its process. */
  readonly resource: Readonly<Record<string, unknown>>;
}

const KINDS = ["internal", "internal", "server", "client", "producer", "consumer"] as const;
const ERROR = 2;

/** Receives traces by OTLP over HTTP as JSON, as a collector does. */
export class OtlpEndpoint implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** What it received so far. */
  readonly spans: SeenSpan[] = [];
  /** All of it, as it was sent. */
  text = "";
  /** The `authorization` headers that came with it. */
  readonly tokens = new Set<string | null>();
  /** The URLs of all other requests, and their `traceparent`. */
  readonly requests: { readonly path: string; readonly traceparent: string | null }[] = [];

  constructor() {
    this.#server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
      await this.#receive(request);
      return Response.json({});
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** The variables by which a runner sends its spans here, soon. */
  get env(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: this.url,
      OTEL_BSP_SCHEDULE_DELAY: "50",
      OTEL_DENO_CONSOLE: "ignore",
    };
  }

  async #receive(request: Request): Promise<void> {
    const { pathname } = new URL(request.url);
    // A runner that is killed may have begun to send.
    const body = await request.text().catch(() => undefined);
    if (body === undefined) return;
    if (pathname === "/v1/traces") {
      this.text += body;
      this.tokens.add(request.headers.get("authorization"));
      this.spans.push(...readSpans(JSON.parse(body)));
    } else if (!pathname.startsWith("/v1/")) {
      this.requests.push({ path: pathname, traceparent: request.headers.get("traceparent") });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface Exported {
  resourceSpans: {
    resource: { attributes: Attribute[] };
    scopeSpans: {
      spans: {
        name: string;
        kind: number;
        traceId: string;
        spanId: string;
        parentSpanId: string;
        links: { spanId: string }[];
        attributes: Attribute[];
        events: { name: string; attributes: Attribute[] }[];
        status: { code: number };
      }[];
    }[];
  }[];
}

function readSpans({ resourceSpans }: Exported): SeenSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans).map((
      { kind, parentSpanId, links, attributes, events, status, ...span },
    ) => ({
      name: span.name,
      kind: KINDS[kind],
      traceId: span.traceId,
      spanId: span.spanId,
      parent: parentSpanId,
      links: links.map(({ spanId }) => spanId),
      attributes: valuesOf(attributes),
      events: events.map(({ name, attributes }) => ({ name, attributes: valuesOf(attributes) })),
      failed: status.code === ERROR,
      resource: valuesOf(resource.attributes),
    }))
  );
}

/** A value is an object with one field, whose name is its type. */
function valuesOf(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
