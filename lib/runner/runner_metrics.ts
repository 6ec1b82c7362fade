import { describeError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { MetricsView } from "../http/metrics.ts";
import type { Depth } from "../invocation/insight/depth.ts";
import { VERSION } from "../settings/config.ts";
import type { MemoryWatch } from "../sandbox/limits/memory_watch.ts";
import { Metrics } from "../telemetry/metrics/metrics.ts";
import type { MessageMetrics } from "../telemetry/metrics/message_metrics.ts";
import { exportMetrics, exportsMetrics } from "../telemetry/metrics/otlp.ts";
import { type Exposition, exposition } from "../telemetry/metrics/prometheus.ts";
import type { ConnectionReading, Readings } from "../telemetry/metrics/readings.ts";
import type { FunctionRegistry } from "./function_registry.ts";
import { view } from "./function_view.ts";
import type { RunnerBroker } from "./runner_broker.ts";

/** The parts of a runner that metrics are read from. */
export interface MeasuredParts {
  functions: Pick<FunctionRegistry, "entries">;
  broker: Pick<RunnerBroker, "consuming" | "publishing">;
  memoryWatch: Pick<MemoryWatch, "resident">;
  records: Readings["records"];
  depths: () => Promise<readonly Depth[]>;
}

/** The metrics of a runner: counted from the beginning on, and read from its parts when somebody asks. */
export class RunnerMetrics implements MetricsView {
  readonly #metrics: Metrics;
  #readings: Readings | undefined;
  #endExport: (() => void) | undefined;

  /** @param limit functions with series of their own */
  constructor(limit: number) {
    this.#metrics = new Metrics({ limit, version: VERSION });
  }

  get observer(): MessageMetrics {
    return this.#metrics.observer;
  }

  /** From here on these are read. */
  measure({ functions, broker, memoryWatch, records, depths }: MeasuredParts): void {
    this.#readings = {
      functions: () => [...functions.entries()].map(([name, entry]) => ({ processes: 0, ...view(name, entry) })),
      connections: () => [connection("consuming", broker.consuming), connection("publishing", broker.publishing)],
      memory: () => memoryWatch.resident(),
      records,
      depths,
    };
  }

  /** Exports the metrics over OTLP as well, if the `OTEL_*` variables say so. The runner also runs where that fails. */
  async start(log: Logger): Promise<void> {
    if (!exportsMetrics((name) => Deno.env.get(name))) return;
    const collect = () => this.#metrics.collect(this.#readings!);
    try {
      this.#endExport = await exportMetrics(this.#metrics, { version: VERSION, collect });
    } catch (error) {
      log.error(`metrics are not exported over OTLP: ${describeError(error)}`);
    }
  }

  async exposition(accept: string | undefined): Promise<Exposition> {
    return await exposition(await this.#metrics.collect(this.#readings!), accept);
  }

  close(): void {
    this.#endExport?.();
    this.#metrics.close();
  }
}

function connection(name: string, { state }: Pick<RunnerBroker["consuming"], "state">): ConnectionReading {
  return { name, connected: state.connected, blocked: state.blocked };
}
