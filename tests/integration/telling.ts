import type { LogLine } from "../support/runner_process.ts";

/** A function that says what it got. */
export function telling(queue: string): string {
  return `
    export const config = { queue: "${queue}" };
    export default (message, context) => context.log.info("handled", { body: message.body });`;
}

/** It could not connect. */
export function tryingAgain({ message }: LogLine): boolean {
  return message.includes("trying again in");
}
