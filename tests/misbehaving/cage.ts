import { assert, assertEquals } from "@std/assert";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { describeError } from "../../lib/base/errors.ts";
import type { FunctionDefinition } from "../../lib/invocation/definition/definition.ts";
import { resolveFunctionConfig } from "../../lib/invocation/definition/function_config.ts";
import type { Observer } from "../../lib/invocation/insight/ended.ts";
import type { Failure, Outcome } from "../../lib/invocation/outcome.ts";
import { assertMayPublish } from "../../lib/invocation/definition/publish_rules.ts";
import type { Publication } from "../../lib/invocation/publication.ts";
import type { OnceStore } from "../../lib/invocation/once_store.ts";
import type { Invocation, Sandbox } from "../../lib/invocation/sandbox.ts";
import { Logger } from "../../lib/base/log.ts";
import { anInvocation } from "../support/invocation.ts";
import { InlineSandbox } from "../../lib/sandbox/handler/inline_sandbox.ts";
import { MemoryWatch } from "../../lib/sandbox/limits/memory_watch.ts";
import { ProcessSandbox } from "../../lib/sandbox/host/process_sandbox.ts";
import { Reaper } from "../../lib/sandbox/limits/reaper.ts";
import { invoked } from "../support/invoked.ts";

const CONFIG_FILE = fileURLToPath(new URL("../../deno.json", import.meta.url));
const MAX_BODY = 16 * 1024 * 1024;

export interface CageOptions {
  config?: Record<string, unknown>;
  /** Milliseconds. @default 30_000 */
  loadTimeout?: number;
  /** Milliseconds. @default 100 */
  grace?: number;
  /** Milliseconds. @default 10_000 */
  validationLimit?: number;
  /** For `once()`. @default none */
  store?: OnceStore;
  observer?: Observer;
}

/** A function in a sandbox as the runner makes it, and what it logged and published; gone with all its processes. */
export class Cage implements AsyncDisposable {
  readonly sandbox: Sandbox;
  /** A folder that belongs to the runner. */
  readonly folder: string;
  readonly lines: Record<string, unknown>[] = [];
  readonly published: Publication[] = [];
  readonly #reaper: Reaper;
  readonly #definition: FunctionDefinition;

  private constructor(folder: string, module: string, options: CageOptions) {
    this.folder = folder;
    const file = `${folder}/function.ts`;
    const definition = resolveFunctionConfig(options.config ?? {}, { name: "function", file, version: "1" });
    const log = new Logger({ level: "debug", write: (line) => this.lines.push(JSON.parse(line)) });
    this.#reaper = new Reaper(log);
    const { grace = 100, store, validationLimit, observer } = options;
    const once = store && { store, keep: 86_400_000 };
    const shared = { definition, sources: new Map([[file, module]]), folder, log, grace, once, observer };
    this.sandbox = definition.isolation === "inline" ? new InlineSandbox(shared) : new ProcessSandbox({
      ...shared,
      resolution: { config: CONFIG_FILE, files: new Map() },
      loadTimeout: options.loadTimeout ?? 30_000,
      validationLimit,
      memoryWatch: new MemoryWatch({ reaper: this.#reaper, log }),
      reaper: this.#reaper,
    });
    this.#definition = definition;
  }

  static async make(module: string, options: CageOptions = {}): Promise<Cage> {
    const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "warren-cage-" }));
    await Deno.writeTextFile(`${folder}/function.ts`, module);
    return new Cage(folder, module, options);
  }

  /** Runs the handler on a body, which is JSON, and publishes as the runner does. */
  async run(body: unknown = null, more: Partial<Invocation> = {}): Promise<Outcome> {
    const outcome = await invoked(this.sandbox, { ...invocationOf(body), ...more });
    if (outcome.kind !== "completed") return outcome;
    try {
      for (const publication of outcome.outputs ?? []) {
        assertMayPublish(this.#definition, publication, MAX_BODY);
        this.published.push(publication);
      }
      return { kind: "completed" };
    } catch (error) {
      return { kind: "failed", failure: { type: "PublishError", message: describeError(error) } };
    }
  }

  /** What the handler said through its log while it ran, and what it published in the end, as text. */
  get said(): string[] {
    const logged = this.lines.filter(({ said }) => said === true).map(({ message }) => String(message));
    return [...logged, ...this.published.map(({ body }) => new TextDecoder().decode(body))];
  }

  /** The first line of the log with that text in it. */
  line(text: string): Record<string, unknown> | undefined {
    return this.lines.find(({ message }) => String(message).includes(text));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox.close();
    await this.#reaper.close();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** A first attempt with a body that is JSON. */
export function invocationOf(body: unknown): Invocation {
  return anInvocation({
    body: new TextEncoder().encode(JSON.stringify(body)),
    properties: { contentType: "application/json", messageId: "m" },
    routingKey: "function",
  });
}

/** The failure of an outcome of this kind. */
export function failureOf(outcome: Outcome, kind: Outcome["kind"]): Failure {
  assertEquals(outcome.kind, kind, Deno.inspect(outcome));
  assert("failure" in outcome);
  return outcome.failure;
}

/** What it failed with, or why it did not run. */
export function reasonOf(outcome: Outcome): string {
  if ("failure" in outcome) return outcome.failure.message;
  return outcome.kind === "abandoned" ? outcome.reason : "";
}

/** Whether there is such a process that has not ended. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (Deno.build.os !== "linux") return true;
  try {
    return !/^\d+ \(.*\) Z/.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}
