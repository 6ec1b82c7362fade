import { describeError } from "../../base/errors.ts";
import { fits, isKey, MAX_KEY, MAX_VALUE } from "../../invocation/once_store.ts";
import type { OnceAnswer } from "../host/once_calls.ts";

/** The connection to the runner's `OnceCalls`, for one invocation. */
export interface OnceLine {
  /** Resolves once the effect may run, or has run. */
  claim(key: string): Promise<{ readonly call: number; readonly answer: OnceAnswer }>;
  /** Resolves once it is recorded. */
  done(call: number, value: string | undefined): Promise<OnceAnswer>;
  failed(call: number): void;
}

export type Effect = () => unknown;

/** Prefix of the record of an effect whose value could not be stored. No JSON begins like this. */
const UNKEPT = "!";

/**
 * The effects of one invocation, or of one batch, in the handler's own process. Calls with the same key share one run:
 * each gets a copy of what that left.
 */
export class OnceEffects {
  readonly #running = new Map<string, Promise<string | undefined>>();

  /**
   * @throws {TypeError} rejects with it where the key or the effect is none, or what the effect left is no JSON
   * @throws {RangeError} rejects with it where that is too large; the effect has run then, and will not again
   */
  async run(line: OnceLine, key: unknown, effect: unknown): Promise<unknown> {
    if (!isKey(key)) {
      throw new TypeError(`the key of once() is ${shown(key)}, expected text of 1 to ${MAX_KEY} characters`);
    }
    if (typeof effect !== "function") throw new TypeError(`once() got ${shown(effect)}, expected a function to run`);
    let running = this.#running.get(key);
    if (!running) {
      running = runOnce(line, key, effect as Effect);
      this.#running.set(key, running);
      // An effect that failed may be tried again.
      running.catch(() => this.#running.delete(key));
    }
    return valueOf(key, await running);
  }
}

/** The key and the effect of a call. Without a key, the message's id is the key. */
export function onceArguments(
  given: readonly unknown[],
  messageId: string | undefined,
): { key: unknown; effect: unknown } {
  if (typeof given[0] !== "function") return { key: given[0], effect: given[1] };
  if (messageId) return { key: messageId, effect: given[0] };
  throw new TypeError(
    "once() without a key takes the message's id, and this message has none: publish it with a messageId, or give a " +
      "key, as in once(`charge/${message.body.order}`, …)",
  );
}

async function runOnce(line: OnceLine, key: string, effect: Effect): Promise<string | undefined> {
  const { call, answer } = await line.claim(key);
  if (answer.kind !== "run") return valueIn(answer);
  let value: unknown;
  try {
    value = await effect();
  } catch (error) {
    line.failed(call);
    throw error;
  }
  return valueIn(await line.done(call, asText(value)));
}

function valueIn(answer: OnceAnswer): string | undefined {
  if (answer.kind === "done") return answer.value;
  const error = new Error(answer.kind === "error" ? answer.message : `once() got the answer "${answer.kind}"`);
  error.name = "OnceError";
  throw error;
}

/** The value as JSON, or why there is none. The effect has run, whatever it returned. */
function asText(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  try {
    const text: string | undefined = JSON.stringify(value);
    if (text === undefined) return `${UNKEPT}TypeError: it is a ${typeof value}, which is no JSON`;
    return fits(text) ? text : `${UNKEPT}RangeError: as JSON it has more than ${MAX_VALUE} bytes`;
  } catch (error) {
    return `${UNKEPT}TypeError: ${describeError(error).slice(0, 500)}`;
  }
}

function valueOf(key: string, text: string | undefined): unknown {
  if (text === undefined) return undefined;
  if (!text.startsWith(UNKEPT)) return JSON.parse(text);
  const [, kind, why] = /^!(\w+): (.*)$/s.exec(text) ?? [];
  const message =
    `the effect of once("${key}") has run and will not run again, but what it returned was not kept: ${why}`;
  throw kind === "RangeError" ? new RangeError(message) : new TypeError(message);
}

function shown(value: unknown): string {
  return typeof value === "string" ? `text of ${value.length} characters` : Deno.inspect(value, { depth: 0 });
}
