import type { AMQPChannel } from "@cloudamqp/amqp-client";
import { describeError } from "../../base/errors.ts";
import { valueWithin } from "../../base/time/within.ts";
import { type Client, replyCode } from "../client/client.ts";
import { closeChannel } from "../client/close_channel.ts";

/** Something that was tried and did not work. */
export interface FailedStep {
  /** As in `declare a queue`. */
  readonly what: string;
  /** The right that it takes, as in `configure warren.…`. */
  readonly needs: string;
  readonly kind: "forbidden" | "blocked" | "failed";
  /** What the broker says. */
  readonly reason: string;
}

type Step = [what: string, needs: string, run: (channel: AMQPChannel) => Promise<unknown>];

const PATIENCE = 5_000;

/**
 * Tries what a runner does, on a queue and an exchange of its own whose names begin as all of Warren's do. Both are gone
 * afterwards. Nothing else on the broker is touched.
 *
 * @param client one that nobody else needs: a broker that is short of memory answers nothing on it any more
 * @param patience milliseconds for each step
 */
export async function probeRights(client: Client, patience = PATIENCE): Promise<FailedStep[]> {
  const name = `warren.probe.${crypto.randomUUID()}`;
  const steps: Step[] = [
    ["declare a queue", "configure", (channel) => {
      return channel.queueDeclare(name, { exclusive: true, autoDelete: true, durable: false });
    }],
    ["declare an exchange", "configure", (channel) => {
      return channel.exchangeDeclare(name, "fanout", { autoDelete: true, durable: false });
    }],
    ["bind a queue to an exchange", "write and read", (channel) => channel.queueBind(name, name, "")],
    ["publish to a queue", "write to amq.default", (channel) => publish(channel, name)],
    ["read a queue", "read", (channel) => channel.basicGet(name, { noAck: true })],
  ];
  const failed: FailedStep[] = [];
  for (const [what, needs, run] of steps) {
    const failure = await tryStep(client, run, patience);
    if (failure) failed.push({ what, needs, ...failure });
    // Without a queue there is nothing to go on with.
    if (failure && (failed.length === 1 && what === steps[0][0] || failure.kind !== "forbidden")) break;
  }
  // The broker reads nothing from a connection that it blocks. Both go with the connection then.
  if (client.blocked) return failed;
  await onChannel(client, (channel) => channel.queueDelete(name), patience).catch(() => {});
  await onChannel(client, (channel) => channel.exchangeDelete(name), patience).catch(() => {});
  return failed;
}

async function tryStep(
  client: Client,
  run: Step[2],
  patience: number,
): Promise<Pick<FailedStep, "kind" | "reason"> | undefined> {
  try {
    await onChannel(client, run, patience);
    return undefined;
  } catch (error) {
    const { blocked } = client;
    if (blocked) return { kind: "blocked", reason: blocked };
    return { kind: replyCode(error) === 403 ? "forbidden" : "failed", reason: describeError(error) };
  }
}

async function publish(channel: AMQPChannel, queue: string): Promise<void> {
  await channel.confirmSelect();
  await channel.basicPublish("", queue, "probe", {}, true);
}

/** Each step has a channel of its own: a refusal closes it. */
async function onChannel<T>(client: Client, step: (channel: AMQPChannel) => Promise<T>, patience: number): Promise<T> {
  const late = () => new Error(`the broker did not answer within ${patience / 1000} s`);
  const work = (async () => {
    const channel = await client.channel();
    channel.onerror = () => {};
    try {
      return await step(channel);
    } finally {
      await closeChannel(channel, client.blocked ? 0 : patience);
    }
  })();
  work.catch(() => {});
  return await valueWithin(patience, work, late);
}
