import { DeadLetters } from "../amqp/dead_letters/dead_letters.ts";
import type { Publisher } from "../amqp/publishing/publisher.ts";
import { WarrenError } from "../base/errors.ts";
import type { FunctionRegistry } from "./function_registry.ts";
import type { FunctionRequests } from "./function_requests.ts";
import { detailedView, view } from "./function_view.ts";
import { readinessOf } from "../http/readiness.ts";
import type {
  FunctionDetail,
  FunctionView,
  Patience,
  PublishRequest,
  Readiness,
  ReplyView,
  RunnerView,
} from "../http/runner_view.ts";
import type { RunnerBroker } from "./runner_broker.ts";

export interface HttpViewOptions {
  functions: FunctionRegistry;
  requests: FunctionRequests;
  broker: RunnerBroker;
  /** Publishes redriven dead letters. */
  publisher: Publisher;
  /** False while the runner starts or stops. */
  started: () => boolean;
  /** If true, a function that is broken or not loaded yet makes the runner not ready. */
  strict: boolean;
}

/** The runner, as its HTTP API sees it. */
export class HttpView implements RunnerView {
  readonly #options: HttpViewOptions;

  constructor(options: HttpViewOptions) {
    this.#options = options;
  }

  ready(): Readiness {
    const { started, broker, strict } = this.#options;
    const { unanswered } = broker.topology;
    const connections = broker.checks();
    return readinessOf({ started: started(), connections, unanswered, functions: this.functions(), strict });
  }

  functions(): FunctionView[] {
    return [...this.#options.functions.entries()].map(([name, entry]) => view(name, entry));
  }

  function(name: string): FunctionView | undefined {
    const entry = this.#options.functions.get(name);
    return entry && view(name, entry);
  }

  endpoint(path: string): FunctionView | undefined {
    for (const [name, entry] of this.#options.functions.entries()) {
      if (entry.served?.definition.http?.path === path) return view(name, entry);
    }
    return undefined;
  }

  detail(name: string): Omit<FunctionDetail, "depth"> | undefined {
    const entry = this.#options.functions.get(name);
    return entry && detailedView(name, entry, new Date());
  }

  localBroker(): { hostname: string; port: number } | undefined {
    return this.#options.broker.local;
  }

  publish(name: string, request: PublishRequest): Promise<void> {
    return this.#options.requests.publish(name, request);
  }

  request(name: string, request: PublishRequest, patience: Patience): Promise<ReplyView | undefined> {
    return this.#options.requests.request(name, request, patience);
  }

  deadLetters(name: string): DeadLetters {
    const { broker, publisher } = this.#options;
    const queue = this.function(name)?.queue;
    if (queue === undefined) throw new WarrenError("unavailable", `function "${name}" has no queue: it is broken`);
    return new DeadLetters({ connection: broker.consuming, publisher, queue });
  }
}
