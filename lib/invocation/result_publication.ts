import { describeError, WarrenError } from "../base/errors.ts";
import { resultData, writeCloudEvent } from "./content/write_cloud_event.ts";
import type { FunctionDefinition } from "./definition/definition.ts";
import type { Result } from "./outcome.ts";
import { outputId, type Publication } from "./publication.ts";
import type { Invocation } from "./sandbox.ts";

/**
 * What a handler returned, as the message for the function's `output`.
 *
 * @param index its number among all that the invocation publishes
 * @throws {WarrenError} `refused` or `tooLarge`, where the output is to be an event
 */
export function resultPublication(
  { name, output }: Pick<FunctionDefinition, "name" | "output">,
  { properties: { messageId }, headers: received }: Pick<Invocation, "properties" | "headers">,
  result: Result,
  { index, maxBody }: { index: number; maxBody: number },
): Publication {
  const { exchange = "", routingKey = "", headers: own = {}, event } = output ?? {};
  const route = { exchange, routingKey, delay: 0 };
  const properties = { deliveryMode: 2, timestamp: new Date() };
  if (!event) {
    const { body, contentType } = result;
    return { ...route, body, headers: { ...own }, properties: { ...properties, contentType } };
  }
  if (result.body.length > maxBody) {
    throw new WarrenError("tooLarge", `data of ${result.body.length} bytes is beyond the limit of ${maxBody}`);
  }
  const id = outputId(messageId, index);
  try {
    const { body, contentType, headers } = writeCloudEvent(event, resultData(result), { id, name, headers: received });
    return {
      ...route,
      body,
      headers: { ...headers, ...own },
      properties: { ...properties, contentType, messageId: id },
    };
  } catch (cause) {
    throw new WarrenError("refused", `function "${name}" returned no event: ${describeError(cause)}`, { cause });
  }
}
