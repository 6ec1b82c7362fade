import type { FunctionConfig, Handler } from "warren";

/**
 * The worker of the competing-consumers tutorial: it sleeps one second for each dot in the message. Its queue is declared
 * as the tutorial's own scripts declare it, so that they run beside Warren unchanged: `deno task publish hello "0"`.
 */
export const config = {
  queue: { name: "hello", durable: false },
} satisfies FunctionConfig;

const hello: Handler = async (message, context) => {
  const text = String(message.body);
  context.log.info(` [x] Received '${text}'`);
  const seconds = text.split(".").length - 1;
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  context.log.info(" [x] Done");
};
export default hello;
