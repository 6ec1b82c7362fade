import { ManagementApi } from "../../amqp/depth/management_api.ts";
import { describeError } from "../../base/errors.ts";
import { assertGuarded } from "../../http/guards/guard.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { LoadedFunction } from "../../loader/loader.ts";
import { localBrokerUrl, managementOptions, VERSION } from "../../settings/config.ts";
import type { Options } from "../../settings/options.ts";
import { type Command, type CommandContext, takesNothing } from "../command.ts";
import { ignoreConnectionLoss } from "../rejections.ts";
import { withFunctions } from "../shared/read_functions.ts";
import { connectAny, negotiated } from "./broker_checks.ts";
import { countFindings, describeFindings, type Finding } from "./finding.ts";
import { checkMachine } from "./machine_checks.ts";
import { checkManagement } from "./management_checks.ts";
import { checkRights } from "./rights_checks.ts";
import { checkFunctions, checkTopology } from "./topology_checks.ts";

/** Looks for what is wrong, or will be, and says what to do. It changes nothing. */
export const doctor: Command = {
  summary: "Look for what is wrong with the broker, the functions and this machine",
  flags: [{ flag: "json", text: "One JSON document instead of text." }],
  async run(context) {
    const { positional, flags, print } = context;
    takesNothing("doctor", positional);
    using _rejections = ignoreConnectionLoss();
    const findings = await examine(context);
    const { warning, error } = countFindings(findings);
    if (flags.has("json")) {
      print(JSON.stringify({ version: VERSION, errors: error, warnings: warning, findings }, undefined, 2));
    } else print(`${describeFindings(findings)}\n${error} errors, ${warning} warnings`);
    return error > 0 ? 1 : 0;
  },
};

async function examine(context: CommandContext): Promise<Finding[]> {
  const { options } = context;
  const { functions, findings: folder } = await readFunctions(context);
  const definitions = functions.flatMap((loaded) => "error" in loaded ? [] : loaded.definition);
  return [
    ...await checkBroker(options, definitions),
    ...await askManagement(options, definitions),
    ...folder,
    ...checkGuard(context),
    ...await checkMachine(options, definitions),
  ];
}

async function checkBroker(options: Options, definitions: readonly FunctionDefinition[]): Promise<Finding[]> {
  const { amqpUrl, broker, heartbeat, vhost, ca, name } = options;
  const client = { heartbeat, vhost, ca, name: `${name} doctor`, timeout: 5_000 };
  const { open, findings } = await connectAny(amqpUrl ?? [localBrokerUrl(options)], client);
  if (!open) return amqpUrl === undefined && broker !== "none" ? findings.map(willBeStarted) : findings;
  try {
    findings.push(
      ...negotiated(open.client, open.broker, definitions),
      ...await checkTopology(open.client, definitions),
    );
  } finally {
    await open.close();
  }
  // On a connection of its own: the broker may block one that publishes.
  const { open: publishing } = await connectAny(amqpUrl ?? [localBrokerUrl(options)], client);
  if (publishing) findings.push(...await checkRights(publishing.client).finally(() => publishing.close()));
  return findings;
}

async function askManagement(options: Options, definitions: readonly FunctionDefinition[]): Promise<Finding[]> {
  const settings = managementOptions(options);
  if (settings) return await checkManagement(new ManagementApi(settings), definitions);
  return [{
    level: "info",
    check: "management API",
    text: "not asked: clocks, alarms, policies and the rights for each name were not looked at",
    action: "set MANAGEMENT_URL where the broker has one",
  }];
}

/** A runner starts this machine's broker where none is. */
function willBeStarted({ check, text }: Finding): Finding {
  return { level: "info", check, text, action: "deno task start starts one; for another broker set AMQP_URL" };
}

async function readFunctions(
  context: CommandContext,
): Promise<{ functions: readonly LoadedFunction[]; findings: Finding[] }> {
  try {
    const functions = await withFunctions(context, ({ functions }) => functions);
    return { functions, findings: checkFunctions(functions) };
  } catch (error) {
    const action = "name the folder with FUNCTIONS_DIR";
    return { functions: [], findings: [{ level: "error", check: "functions", text: describeError(error), action }] };
  }
}

function checkGuard({ options: { host, apiToken } }: CommandContext): Finding[] {
  try {
    assertGuarded(host, apiToken);
    return [];
  } catch (error) {
    return [{ level: "error", check: "HTTP API", text: describeError(error) }];
  }
}
