import { DeadLetters, workQueue } from "../../amqp/dead_letters/dead_letters.ts";
import { Publisher } from "../../amqp/publishing/publisher.ts";
import { WarrenError } from "../../base/errors.ts";
import type { Command, CommandContext } from "../command.ts";
import { type Action, ACTIONS } from "./dead_actions.ts";
import { assertFlagsOf, DEAD_FLAGS } from "./dead_flags.ts";
import { withConnection } from "../connect.ts";
import { Interrupt } from "../interrupt.ts";
import { ignoreConnectionLoss } from "../rejections.ts";

/** Lists, redrives, edits and purges the dead letters of a function. */
export const dead: Command = {
  summary: "List, redrive, edit or purge dead letters",
  usage: `${Object.keys(ACTIONS).join("|")} QUEUE   (QUEUE: a function's queue, or its queue of dead letters)`,
  flags: DEAD_FLAGS,
  async run(context) {
    const [name, queue, ...rest] = context.positional;
    const action = Object.hasOwn(ACTIONS, name ?? "") ? ACTIONS[name] : undefined;
    if (!action || !queue || rest.length > 0) {
      const found = context.positional.join(" ") || "nothing";
      const expected = `${Object.keys(ACTIONS).join(", ")} and a queue, as in: deno task dead list hello`;
      throw new WarrenError("config", `dead needs one of ${expected}; found ${found}`);
    }
    assertFlagsOf(name, action.flags, context.flags);
    action.check?.(context);
    return await withBroker(context, workQueue(queue), action);
  },
};

async function withBroker(context: CommandContext, queue: string, action: Action): Promise<number> {
  using _rejections = ignoreConnectionLoss();
  using interrupt = new Interrupt(() => context.printError("stopping; press Ctrl+C again to end at once"));
  const { signal } = interrupt;
  return await withConnection(context, "dead", { exchange: "", routingKey: queue }, (connection) => {
    const box = new DeadLetters({ connection, publisher: new Publisher(connection), queue });
    return action.run({ ...context, box, queue, signal });
  });
}
