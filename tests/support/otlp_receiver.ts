interface DataPoint {
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
  readonly asInt?: string;
  readonly asDouble?: number;
  /** Of a histogram. */
  readonly count?: string;
}

interface OtlpMetric {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  readonly sum?: { readonly dataPoints: readonly DataPoint[] };
  readonly gauge?: { readonly dataPoints: readonly DataPoint[] };
  readonly histogram?: { readonly dataPoints: readonly DataPoint[] };
}

interface MetricsRequest {
  readonly resourceMetrics: readonly {
    readonly scopeMetrics: readonly {
      readonly scope: { readonly name: string };
      readonly metrics: readonly OtlpMetric[];
    }[];
  }[];
}

/** A metric as it was received. */
export interface Received {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly unit: string;
  readonly help: string;
}

/** An OTLP endpoint over HTTP that keeps the newest state of each metric. */
export class OtlpReceiver implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** By scope, then by name. */
  readonly #scopes = new Map<string, Map<string, OtlpMetric>>();

  private constructor() {
    const options = { port: 0, hostname: "127.0.0.1", onListen: () => {} };
    this.#server = Deno.serve(options, (request) => this.#receive(request));
  }

  static listen(): OtlpReceiver {
    return new OtlpReceiver();
  }

  /** What sends a process's telemetry here. */
  get env(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    };
  }

  /** The metrics of a scope. */
  metrics(scope: string): Received[] {
    return [...this.#scopes.get(scope)?.values() ?? []].map((metric) => ({
      name: metric.name,
      type: metric.histogram ? "histogram" : metric.sum ? "counter" : "gauge",
      unit: metric.unit,
      help: metric.description,
    }));
  }

  /** The value of a metric with exactly these attributes; of a histogram, how many values there were. */
  value(name: string, attributes: Record<string, string>): number | undefined {
    for (const metrics of this.#scopes.values()) {
      const metric = metrics.get(name);
      const points = (metric?.sum ?? metric?.gauge ?? metric?.histogram)?.dataPoints ?? [];
      const point = points.find((point) => isOf(point, attributes));
      if (point) return Number(point.asInt ?? point.asDouble ?? point.count);
    }
    return undefined;
  }

  async #receive(request: Request): Promise<Response> {
    if (new URL(request.url).pathname === "/v1/metrics") this.#keep(await request.json());
    else await request.body?.cancel();
    return Response.json({});
  }

  #keep({ resourceMetrics }: MetricsRequest): void {
    for (const { scope, metrics } of resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics)) {
      const known = this.#scopes.get(scope.name) ?? new Map();
      this.#scopes.set(scope.name, known);
      for (const metric of metrics) known.set(metric.name, metric);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function isOf({ attributes }: DataPoint, wanted: Record<string, string>): boolean {
  return attributes.length === Object.keys(wanted).length &&
    attributes.every(({ key, value }) => wanted[key] === value.stringValue);
}
