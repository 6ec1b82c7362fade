import type { Client } from "../../amqp/client/client.ts";
import { type FailedStep, probeRights } from "../../amqp/topology/rights_probe.ts";
import type { Finding } from "./finding.ts";

const CHECK = "rights";

/**
 * Whether the user may do what a runner does with names that begin with "warren.".
 *
 * @param client one that nobody else needs
 */
export async function checkRights(client: Client): Promise<Finding[]> {
  const begun = performance.now();
  const failed = await probeRights(client);
  const took = Math.round(performance.now() - begun);
  if (failed.length > 0) return failed.map(describe);
  return [{
    level: "ok",
    check: CHECK,
    text: `the user may declare, publish and consume what is Warren's (${took} ms)`,
  }];
}

function describe({ what, needs, kind, reason }: FailedStep): Finding {
  switch (kind) {
    case "forbidden":
      return {
        level: "warning",
        check: CHECK,
        text: `the user may not ${what} whose name begins with "warren."; it needs the right to ${needs}: ${reason}`,
        action: "grant it: rabbitmqctl set_permissions -p VHOST USER CONFIGURE WRITE READ; docs/brokers.md lists the " +
          "names. Without it, functions run only if all that they need exists",
      };
    case "blocked":
      return {
        level: "error",
        check: CHECK,
        text: `cannot ${what}: the broker takes nothing now: ${reason}`,
        action: "free memory or disk on the broker: rabbitmqctl status names its alarms",
      };
    case "failed":
      return { level: "error", check: CHECK, text: `cannot ${what}: ${reason}`, action: "look into the broker's log" };
  }
}
