import { describeError, WarrenError } from "../../base/errors.ts";
import { localName, urlHost } from "../../settings/config.ts";
import type { Options } from "../../settings/options.ts";

/** Milliseconds. */
const LIMIT = 30_000;

/** The HTTP API of the runner that --host and --port name. */
export class RunnerApi {
  readonly #options: Pick<Options, "host" | "port" | "apiToken">;

  constructor(options: Pick<Options, "host" | "port" | "apiToken">) {
    this.#options = options;
  }

  /** @throws {WarrenError} `unavailable` where no runner answers, `refused` with what the runner says */
  async get<T>(path: string): Promise<T> {
    return await this.#ask(path, { method: "GET" });
  }

  /** @throws {WarrenError} as `get()` */
  async post<T>(path: string, body: unknown): Promise<T> {
    return await this.#ask(path, { method: "POST", body: JSON.stringify(body) });
  }

  async #ask<T>(path: string, init: RequestInit): Promise<T> {
    const { host, port, apiToken } = this.#options;
    const where = `${urlHost(localName(host))}:${port}`;
    const headers: Record<string, string> = apiToken === undefined ? {} : { authorization: `Bearer ${apiToken}` };
    if (init.body !== undefined) headers["content-type"] = "application/json";
    let response: Response;
    let answer: unknown;
    try {
      response = await fetch(`http://${where}${path}`, { ...init, headers, signal: AbortSignal.timeout(LIMIT) });
      answer = await response.json().catch(() => undefined);
    } catch (error) {
      throw new WarrenError(
        "unavailable",
        `no runner answers at ${where} (${describeError(error)}); say where it is with --host and --port`,
        { cause: error },
      );
    }
    if (response.ok && answer !== undefined) return answer as T;
    const detail = (answer as { detail?: unknown } | undefined)?.detail ?? `status ${response.status} and no more`;
    throw new WarrenError("refused", `the runner at ${where} says: ${detail}`);
  }
}
