import type { Clock } from "../amqp/clock.ts";
import { Consumer, type ConsumerOptions, type Consuming } from "../amqp/consuming/consumer.ts";
import { OrderedConsumer } from "../amqp/order/ordered_consumer.ts";
import type { Alerts } from "../amqp/publishing/alerts.ts";
import type { Outputs } from "../amqp/publishing/outputs.ts";
import type { Settler } from "../amqp/publishing/settle.ts";
import type { FunctionDefinition } from "../invocation/definition/definition.ts";
import type { Resolution } from "../invocation/definition/resolution.ts";
import type { Observer } from "../invocation/insight/ended.ts";
import type { Sandbox } from "../invocation/sandbox.ts";
import type { Tracing } from "../invocation/tracing/tracing.ts";
import type { Schedule } from "../invocation/definition/schedule.ts";
import type { Logger } from "../base/log.ts";
import type { OnceKeeping, OnceStore } from "../invocation/once_store.ts";
import type { Sources } from "../sandbox/process/entry.ts";
import { InlineSandbox } from "../sandbox/handler/inline_sandbox.ts";
import type { MemoryWatch } from "../sandbox/limits/memory_watch.ts";
import { ProcessSandbox } from "../sandbox/host/process_sandbox.ts";
import { type Learning, withoutLimits } from "../sandbox/learning/learning.ts";
import type { Reaper } from "../sandbox/limits/reaper.ts";
import type { Suspects } from "./flow/suspects.ts";
import type { Timers } from "../base/time/timers.ts";

/** One version of a function: its definition and its modules. */
export interface Version {
  readonly definition: FunctionDefinition;
  readonly sources: Sources;
  /** By which rules its imports resolve. */
  readonly resolution: Resolution | undefined;
}

/** What a consumer needs to know about a function. */
export type ConsumeOptions = Omit<ConsumerOptions, "connection" | "topology" | "gate">;

/** Runs a function by its schedule. */
export type Ticking = Pick<Clock, "start" | "stop">;

/** What all functions of a runner share, and how their parts are made. */
export interface Surroundings {
  readonly log: Logger;
  readonly suspects: Suspects;
  readonly outputs: Pick<Outputs, "publish" | "refuse">;
  readonly settler: Pick<Settler, "settle" | "setAside">;
  /** Publishes what `onDead` asks for. */
  readonly alerts?: Pick<Alerts, "publish">;
  /** Where `dedupe` keeps the ids of messages. */
  readonly handled?: OnceStore;
  /** @default TIMERS */
  readonly timers?: Timers;
  /** Gets how each invocation ended. Without it nothing is measured. */
  readonly observer?: Observer;
  /** Makes spans. @default none */
  readonly tracing?: Tracing;
  sandbox(version: Version, log: Logger): Sandbox;
  consumer(options: ConsumeOptions): Consuming;
  clock(definition: FunctionDefinition & { readonly schedule: Schedule }, log: Logger): Ticking;
}

/** What the sandboxes of a runner share. */
export interface SandboxSurroundings {
  /** The folder for the sandboxes' sockets. */
  folder: string;
  /** The socket of a PermissionBroker, which then decides about permissions. @default none */
  permissionBroker?: string;
  /** Learns the permissions of functions, each by itself. @default nothing is learned */
  learning?: Learning;
  memoryWatch: MemoryWatch;
  reaper: Reaper;
  once: OnceKeeping;
  /** Gets cold starts and log lines. */
  observer?: Observer;
}

/** Creates the sandbox of a version. */
export function openSandbox(
  { definition: configured, sources, resolution }: Version,
  { folder, learning, memoryWatch, reaper, once, observer, ...more }: SandboxSurroundings,
  log: Logger,
): Sandbox {
  const definition = learning ? withoutLimits(configured) : configured;
  const permissionBroker = learning ? learning.brokerOf(definition.name, folder) : more.permissionBroker;
  const options = { definition, sources, folder, log, once, observer };
  return definition.isolation === "inline"
    ? new InlineSandbox(options)
    : new ProcessSandbox({ ...options, resolution, permissionBroker, memoryWatch, reaper });
}

/** Creates the consumer of a function's queue. */
export function openConsumer(
  options: ConsumeOptions,
  broker: Pick<ConsumerOptions, "connection" | "topology" | "gate">,
): Consuming {
  const { definition } = options;
  const { order } = definition;
  return order
    ? new OrderedConsumer({ ...options, ...broker, definition: { ...definition, order } })
    : new Consumer({ ...options, ...broker });
}
