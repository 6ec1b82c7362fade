import { WarrenError } from "../../base/errors.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Command, CommandContext } from "../command.ts";
import { withConnection } from "../connect.ts";
import { Interrupt } from "../interrupt.ts";
import { ignoreConnectionLoss } from "../rejections.ts";
import { withFunctions } from "../shared/read_functions.ts";
import { listQueues } from "./queue_list.ts";
import { checkPurge, purge, returnAll } from "./queue_actions.ts";
import type { Action } from "./queue_action.ts";

const ACTIONS: Readonly<Record<string, Action>> = {
  list: { flags: ["json"], takesName: false, run: listQueues },
  purge: { flags: ["yes", "json"], takesName: true, check: checkPurge, run: purge },
  return: { flags: ["json"], takesName: false, run: returnAll },
};

/** Shows what waits on the broker, and deletes it or puts it back. */
export const queue: Command = {
  summary: "See what waits on the broker, purge a queue, put orphans back",
  usage: "list | purge NAME | return   (NAME: a function's, or a queue's)",
  flags: [
    { flag: "yes", text: "purge: do not ask." },
    { flag: "json", text: "One JSON document instead of text." },
  ],
  async run(context) {
    const [name, target, ...rest] = context.positional;
    const action = Object.hasOwn(ACTIONS, name ?? "") ? ACTIONS[name] : undefined;
    if (!action || rest.length > 0 || (target !== undefined) !== action.takesName) {
      const found = context.positional.join(" ") || "nothing";
      throw new WarrenError("config", `queue needs list, purge NAME or return; found ${found}`);
    }
    for (const flag of context.flags.keys()) {
      if (!action.flags.includes(flag)) throw new WarrenError("config", `queue ${name} takes no --${flag}`);
    }
    action.check?.(context);
    using _rejections = ignoreConnectionLoss();
    using interrupt = new Interrupt(() => context.printError("stopping; once more ends at once"));
    const { signal } = interrupt;
    // A queue can be purged from anywhere.
    const definitions = await definitionsOf(context).catch((error) => {
      if (action.takesName) return [];
      throw error;
    });
    const place = { exchange: "", routingKey: target ?? "" };
    return await withConnection(context, "queue", place, (connection) => {
      return action.run({ ...context, connection, definitions, target: target ?? "", signal });
    });
  },
};

/** Of the functions in the folder that are not broken. */
async function definitionsOf(context: CommandContext): Promise<FunctionDefinition[]> {
  const functions = await withFunctions(context, ({ functions }) => functions);
  return functions.flatMap((loaded) => "error" in loaded ? [] : loaded.definition);
}
