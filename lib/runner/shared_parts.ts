import { join } from "node:path";
import { Clock } from "../amqp/clock.ts";
import { Alerts } from "../amqp/publishing/alerts.ts";
import { Outputs } from "../amqp/publishing/outputs.ts";
import type { Publisher } from "../amqp/publishing/publisher.ts";
import type { Replies } from "../amqp/publishing/replies.ts";
import { Settler } from "../amqp/publishing/settle.ts";
import type { Logger } from "../base/log.ts";
import type { Tracing } from "../invocation/tracing/tracing.ts";
import { openStore } from "../once/open_store.ts";
import { Learning } from "../sandbox/learning/learning.ts";
import { MemoryWatch } from "../sandbox/limits/memory_watch.ts";
import { Reaper } from "../sandbox/limits/reaper.ts";
import { Suspects } from "../serving/flow/suspects.ts";
import { openConsumer, openSandbox, type SandboxSurroundings, type Surroundings } from "../serving/surroundings.ts";
import type { Options } from "../settings/options.ts";
import type { Insight } from "../telemetry/insight.ts";
import type { RunnerFleet } from "./fleet/runner_fleet.ts";
import type { RunnerBroker } from "./runner_broker.ts";

/** What the sandboxes of all functions share. */
export function sandboxesOf(
  { options, log, insight }: Pick<Parts, "options" | "log" | "insight">,
): SandboxSurroundings {
  const reaper = new Reaper(log);
  const address = options.onceStore ?? { kind: "sqlite", path: join(options.data, "once.db") };
  return {
    folder: "", // created at the start
    memoryWatch: new MemoryWatch({ reaper, log }),
    reaper,
    once: { store: openStore(address, log), keep: options.onceKeep },
    learning: options.learnPermissions ? new Learning(log) : undefined,
    observer: insight.observer,
  };
}

/** What a runner makes before its functions. */
export interface Parts {
  options: Options;
  log: Logger;
  broker: RunnerBroker;
  publisher: Pick<Publisher, "publish" | "send">;
  replies: Replies;
  insight: Insight;
  tracing: Tracing | undefined;
  mayConsume: MayConsume;
  sandboxes: SandboxSurroundings;
}

/** Rejects where a queue is paused for all runners. */
export type MayConsume = RunnerFleet["pauses"]["gate"];

/** The parts that all functions share. */
export function surroundingsOf(parts: Parts): Surroundings {
  const { options: { maxBody }, log, broker, publisher, replies, insight, tracing, mayConsume, sandboxes } = parts;
  const { consuming, publishing: connection, topology } = broker;
  return {
    log,
    suspects: new Suspects(),
    observer: insight.observer,
    tracing,
    outputs: new Outputs({ connection, publisher, topology, replies, log, maxBody }),
    settler: new Settler({ connection, publisher, topology, log }),
    alerts: new Alerts({ publisher, log }),
    handled: sandboxes.once.store,
    sandbox: (version, log) => openSandbox(version, sandboxes, log),
    consumer: (options) => {
      const gate = (client: Parameters<MayConsume>[0]) => mayConsume(client, options.definition.queue.name);
      return openConsumer(options, { connection: consuming, topology, gate });
    },
    clock: (definition, log) => new Clock({ connection: consuming, topology, definition, log }),
  };
}
