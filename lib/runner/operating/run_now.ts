import { HEADERS } from "../../amqp/message/names.ts";
import type { Publisher } from "../../amqp/publishing/publisher.ts";
import { WarrenError } from "../../base/errors.ts";
import { SHORT_STRING } from "../../base/short_string.ts";
import { within } from "../../base/time/within.ts";
import { cutToBytes } from "../../base/utf8.ts";
import type { FunctionRegistry } from "../function_registry.ts";
import { definitionOf } from "../function_view.ts";

export interface RunNowOptions {
  functions: Pick<FunctionRegistry, "get">;
  publisher: Pick<Publisher, "publish">;
  /** @default the wall clock */
  now?: () => Date;
}

/** Milliseconds for the broker's confirm. */
const CONFIRM_LIMIT = 10_000;

/** Runs a scheduled function between two times of its schedule. The schedule itself goes on as it was. */
export class RunNow {
  readonly #options: RunNowOptions;

  constructor(options: RunNowOptions) {
    this.#options = options;
  }

  /**
   * Publishes a message like that of a scheduled run, and resolves once the broker has it.
   *
   * @throws {WarrenError} `missing` where this runner has no such function, `config` where it has no schedule, `unroutable`
   * where its queue is not there, `unavailable` or `refused`
   */
  async run(name: string): Promise<{ messageId: string }> {
    const { functions, publisher, now = () => new Date() } = this.#options;
    const entry = functions.get(name);
    const definition = entry && definitionOf(entry);
    if (!definition) throw new WarrenError("missing", `this runner has no function "${name}" that can be read`);
    if (!definition.schedule) {
      throw new WarrenError("config", `function "${name}" has no schedule; invoke it with a message instead`);
    }
    const time = now();
    const scheduled = time.toISOString();
    const messageId = messageIdOf(name);
    const properties = {
      contentType: "application/json",
      deliveryMode: 2,
      messageId,
      timestamp: time,
      headers: { [HEADERS.scheduled]: scheduled },
    };
    const body = new TextEncoder().encode(JSON.stringify({ scheduled }));
    const message = { exchange: "", routingKey: definition.queue.name, body, properties };
    await within(CONFIRM_LIMIT, (signal) => publisher.publish(message, { channel: "http", signal }));
    return { messageId };
  }
}

/** Never that of a scheduled run: whoever skips messages that were handled must not skip this one. */
function messageIdOf(name: string): string {
  const id = `/${crypto.randomUUID()}`;
  return cutToBytes(`run-now/${name}`, SHORT_STRING - id.length) + id;
}
