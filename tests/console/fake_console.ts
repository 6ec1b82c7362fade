import { consoleWhenAsked } from "../../lib/console/console_when_asked.ts";
import type { LiveStreamsOptions } from "../../lib/console/live/live_streams.ts";
import { createApp } from "../../lib/http/app.ts";
import type { DeadLetterBox } from "../../lib/invocation/dead_letters/dead_letter_box.ts";
import { WarrenError } from "../../lib/base/errors.ts";
import { FakeRunner } from "../http/fake_runner.ts";
import { FakeLetters, fakeLetters } from "./fake_letters.ts";
import { FakeOperator } from "./fake_operator.ts";
import { type FakeWorld, fakeWorld, type WorldOptions } from "./fake_world.ts";

export interface FakeConsoleOptions extends WorldOptions {
  readonly token?: string;
  readonly readToken?: string;
  readonly live?: LiveStreamsOptions;
  /** Dead letters of one function at most. @default 150 */
  readonly letters?: number;
  /** Bytes. @default 1_000_000 */
  readonly maxBody?: number;
}

/** The functions of a world, each with dead letters of its own. */
class ConsoleRunner extends FakeRunner {
  readonly boxes = new Map<string, FakeLetters>();

  override deadLetters(name: string): DeadLetterBox {
    const box = this.boxes.get(name);
    if (!box) throw new WarrenError("unavailable", `function "${name}" has no queue: it is broken`);
    return box;
  }
}

/** The console over a world that a test can change; it needs no socket. */
export function fakeConsole(options: FakeConsoleOptions = {}) {
  const { token, readToken, live, letters = 150, maxBody = 1_000_000 } = options;
  const world: FakeWorld = fakeWorld(options);
  const operator = new FakeOperator(world);
  const runner = new ConsoleRunner();
  runner.views = world.views;
  for (const { function: name, dead = 0 } of world.depths) {
    runner.boxes.set(name, new FakeLetters(`${name}.dead`, fakeLetters(Math.min(dead, letters), world.now)));
  }
  const pages = consoleWhenAsked(runner, operator, { place: { runner: "warren-a", version: "0.1.0" }, maxBody, live });
  const app = createApp(runner, operator, { token, readToken, maxBody, host: "127.0.0.1", pages });
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    if (!headers.has("accept")) headers.set("accept", "text/html");
    return await app.request(`http://localhost:8000${path}`, { ...init, headers });
  };
  const post = (path: string, form: Record<string, string> | string[][] = {}, headers: Record<string, string> = {}) =>
    ask(path, { method: "POST", body: new URLSearchParams(form), headers });
  const text = async (path: string) => await (await ask(path)).text();
  return { world, operator, runner, app, ask, post, text };
}
