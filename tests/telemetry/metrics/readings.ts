import type { Depth } from "../../../lib/invocation/insight/depth.ts";
import type { FunctionReading, Readings } from "../../../lib/telemetry/metrics/readings.ts";

/** What is read from a runner that serves one function, with what a test says besides. */
export function readings(given: Partial<Readings> = {}): Readings {
  return {
    functions: () => [functionReading("order")],
    connections: () => [{ name: "consuming", connected: true, blocked: false }],
    memory: () => new Map([["order", 40_000_000]]),
    records: () => ({ lost: 1, leftOut: 2 }),
    depths: () => Promise.resolve([depth("order")]),
    ...given,
  };
}

export function functionReading(name: string): FunctionReading {
  return { name, state: "serving", running: 3, processes: 1 };
}

export function depth(name: string, more: Partial<Depth> = {}): Depth {
  return {
    ...{ function: name, queue: name, ready: 7, unacknowledged: 3, retrying: 2, dead: 1, oldest: 1_500, consumers: 2 },
    ...{ at: 0, source: "broker" },
    ...more,
  };
}
