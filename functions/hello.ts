import type { FunctionConfig, Handler } from "warren";

/**
 * The competing-consumers tutorial: the message is a number of seconds to work.
 * Its queue is declared as the tutorial's own scripts declare it, so that they
 * run beside Warren unchanged: `deno task publish hello "0"`.
 */
export const config = {
  queue: { name: "hello", durable: false },
} satisfies FunctionConfig;

const hello: Handler<string> = async (message, context) => {
  const seconds = Math.min(Number(message.body) || 0, 25);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  context.log.info(`received "${message.body}"`);
};
export default hello;
