import { type FunctionConfig, type Handler, Reject } from "warren";

/** Where a picture is, and how wide it shall be. */
export interface ResizeRequest {
  path: string;
  width: number;
}

/** Bound to a topic exchange, with retries of its own; what makes no sense is not tried again. */
export const config = {
  queue: "pictures.resize",
  bindings: [{ exchange: "pictures", type: "topic", routingKey: "picture.uploaded.#" }],
  concurrency: 4,
  timeout: "20s",
  retry: { attempts: 4, delay: "500ms", maxDelay: "1m" },
} satisfies FunctionConfig;

const resize: Handler<ResizeRequest> = (message, context) => {
  const { path, width } = message.body;
  if (!(width > 0)) throw new Reject(`width ${width} is not a width`);
  context.log.info(`resizing ${path} to ${width} pixels`, { attempt: context.attempt });
};
export default resize;
