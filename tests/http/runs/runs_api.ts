import { createApp } from "../../../lib/http/app.ts";
import { FakeOperator } from "../fake_operator.ts";
import { FakeRunner } from "../fake_runner.ts";

/** The API over runs that the test knows. */
export function runsApi({ limit, token }: { limit?: number; token?: string } = {}) {
  const runs = new FakeOperator(limit);
  const closing = new AbortController();
  const options = { token, maxBody: 100, host: "127.0.0.1", closing: closing.signal };
  const app = createApp(new FakeRunner(), runs, options);
  const ask = async (path: string, init: RequestInit = {}) => await app.request(`http://localhost:8000${path}`, init);
  return { runs, ask, closing };
}
