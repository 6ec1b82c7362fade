import { WarrenError } from "../base/errors.ts";
import type { Answer, EncodedMessage, Transport } from "./functions.ts";

export interface HttpTransportOptions {
  /** The URL of a runner's HTTP API. */
  readonly url: string;
  /** The API_TOKEN of the runner. */
  readonly token?: string;
}

/** Publishes through the HTTP API of a runner. */
export class HttpTransport implements Transport {
  readonly #options: HttpTransportOptions;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
  }

  async publish(name: string, message: EncodedMessage, signal?: AbortSignal): Promise<void> {
    const response = await this.#post(name, message, {}, signal);
    if (!response.ok) throw await refusal(response);
    await response.body?.cancel();
  }

  async call(
    name: string,
    message: EncodedMessage,
    timeout: number,
    signal?: AbortSignal,
  ): Promise<Answer | undefined> {
    const response = await this.#post(name, message, { prefer: `wait=${Math.ceil(timeout / 1000)}` }, signal);
    if (response.status === 504) {
      await response.body?.cancel();
      return undefined;
    }
    const contentType = response.headers.get("content-type") ?? undefined;
    if (response.ok) return { outcome: "completed", body: await response.bytes(), contentType };
    const problem = await response.json().catch(() => ({}));
    if (!problem.error || !problem.messageId) throw toError(response.status, problem);
    const body = new TextEncoder().encode(JSON.stringify({ error: problem.error }));
    return { outcome: problem.error.outcome ?? "failed", body, contentType: "application/json" };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #post(
    name: string,
    { body, contentType, messageId, headers }: EncodedMessage,
    more: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const { url, token } = this.#options;
    const own: Record<string, string> = { "message-id": messageId, ...more };
    if (contentType !== undefined) own["content-type"] = contentType;
    if (token !== undefined) own.authorization = `Bearer ${token}`;
    const target = `${url.replace(/\/$/, "")}/functions/${encodeURIComponent(name)}`;
    try {
      const init = { method: "POST", body: body as Uint8Array<ArrayBuffer>, headers: { ...headers, ...own }, signal };
      return await fetch(target, init);
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw new WarrenError("unavailable", `the HTTP API at ${url} does not answer`, { cause });
    }
  }
}

async function refusal(response: Response): Promise<WarrenError> {
  return toError(response.status, await response.json().catch(() => ({})));
}

function toError(status: number, { detail }: { detail?: string }): WarrenError {
  const code = status === 404 ? "unroutable" : status === 503 ? "unavailable" : "refused";
  return new WarrenError(code, detail ?? `the HTTP API answered with ${status}`);
}
