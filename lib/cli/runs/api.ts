import { describeError, WarrenError } from "../../base/errors.ts";
import { localName, urlHost } from "../../settings/config.ts";
import type { Options } from "../../settings/options.ts";

type Where = Pick<Options, "host" | "port" | "apiToken">;

/**
 * Asks the HTTP API of the runner that the options name.
 *
 * @throws {WarrenError} `unavailable` where no runner answers, `refused` with what it says
 */
export async function askApi({ host, port, apiToken }: Where, path: string, accept?: string): Promise<Response> {
  const headers = new Headers(accept === undefined ? {} : { accept });
  if (apiToken !== undefined) headers.set("authorization", `Bearer ${apiToken}`);
  const place = `${urlHost(host)}:${port}`;
  let response: Response;
  try {
    response = await fetch(`http://${urlHost(localName(host))}:${port}${path}`, { headers });
  } catch (cause) {
    const why = describeError(cause);
    const text = `no runner answers at ${place} (${why}); say where it is with --host and --port`;
    throw new WarrenError("unavailable", text, { cause });
  }
  if (response.ok) return response;
  const { detail } = await response.json().catch(() => ({ detail: `status ${response.status}` }));
  throw new WarrenError("refused", `the runner at ${place} says: ${detail}`);
}
