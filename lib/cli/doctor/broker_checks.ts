import {
  type BrokerIdentity,
  type Client,
  type ClientOptions,
  connectClient,
  type OpenClient,
} from "../../amqp/client/client.ts";
import { brokerName, knownDifferences } from "../../amqp/client/known_brokers.ts";
import { describeError, WarrenError } from "../../base/errors.ts";
import { shownUrl } from "../../base/secret_url.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import type { Finding } from "./finding.ts";

/** A frame of this size is what brokers offer. The headers of a message have to fit into one. */
const FRAME_MAX = 131_072;
/** Channels of a runner beside those of its functions. */
const OWN_CHANNELS = 32;

/** Connects to each address in turn. Gives the first connection, and what was found on the way. */
export async function connectAny(
  urls: readonly string[],
  options: ClientOptions,
): Promise<{ open: OpenClient | undefined; findings: Finding[] }> {
  const findings: Finding[] = [];
  let open: OpenClient | undefined;
  for (const url of urls) {
    const begun = performance.now();
    try {
      const next = await connectClient(url, options);
      const took = Math.round(performance.now() - begun);
      const text = `${brokerName(next.broker)} at ${shownUrl(url)}, connected in ${took} ms`;
      findings.push({ level: "ok", check: "broker", text });
      if (open) await next.close();
      else open = next;
    } catch (error) {
      findings.push({ level: "error", check: "broker", text: describeError(error), action: connectAction(error) });
    }
  }
  // A runner takes the next address.
  if (!open) return { open, findings };
  return { open, findings: findings.map((one) => one.level === "error" ? { ...one, level: "warning" } : one) };
}

function connectAction(error: unknown): string {
  const refused = error instanceof WarrenError && error.code === "refused";
  return refused
    ? "check the user, the password and the vhost in AMQP_URL, and that the user may use the vhost: " +
      "rabbitmqctl list_permissions -p VHOST"
    : "start the broker (deno task broker, or your own), or correct the host and the port in AMQP_URL";
}

/** What is known to differ on the broker, and what was agreed on with it. */
export function negotiated(
  client: Pick<Client, "heartbeat" | "frameMax" | "channelMax">,
  broker: BrokerIdentity,
  definitions: readonly Pick<FunctionDefinition, "order">[],
): Finding[] {
  const findings: Finding[] = knownDifferences(broker).map(({ text }) => ({
    level: "info",
    check: "broker version",
    text: `${brokerName(broker)}: ${text}`,
  }));
  const { heartbeat, frameMax, channelMax } = client;
  findings.push(
    heartbeat === 0
      ? {
        level: "warning",
        check: "heartbeat",
        text: "heartbeats are off: a dead connection is noticed after many minutes",
        action: "set AMQP_HEARTBEAT to 20s, and heartbeat in the broker's configuration to more than 0",
      }
      : { level: "ok", check: "heartbeat", text: `every ${heartbeat} s` },
  );
  if (frameMax < FRAME_MAX) {
    findings.push({
      level: "warning",
      check: "frame size",
      text: `a frame has at most ${frameMax} bytes, into which the headers of a message have to fit`,
      action: `set frame_max in the broker's configuration to ${FRAME_MAX}`,
    });
  }
  const needed = definitions.reduce((sum, { order }) => sum + 1 + 2 * (order?.partitions ?? 0), OWN_CHANNELS);
  if (channelMax < needed) {
    findings.push({
      level: "error",
      check: "channels",
      text: `a connection may have ${channelMax} channels, and these functions need up to ${needed}`,
      action:
        `set channel_max in the broker's configuration to ${needed} or more, or spread the functions over runners`,
    });
  }
  return findings;
}
