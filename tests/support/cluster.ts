import { makePrivateNode, type PrivateNode } from "./private_node.ts";
import { uniqueName } from "./unique.ts";

/** Three nodes of RabbitMQ that are one broker: each can be killed and started again. Takes about half a minute to start. */
export class Cluster implements AsyncDisposable {
  readonly nodes: readonly PrivateNode[];

  private constructor(nodes: readonly PrivateNode[]) {
    this.nodes = nodes;
  }

  static async launch(config = ""): Promise<Cluster> {
    const cookie = uniqueName("cookie");
    const nodes: PrivateNode[] = [];
    const cluster = new Cluster(nodes);
    try {
      for (let count = 0; count < 3; count++) nodes.push(await makePrivateNode(config, { cookie }));
      await Promise.all(nodes.map((node) => node.start()));
      for (const node of nodes.slice(1)) {
        await node.ctl("stop_app");
        await node.ctl("join_cluster", nodes[0].name);
        await node.ctl("start_app");
      }
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Value for AMQP_URL: all nodes, with `first` at its beginning. */
  url(first = this.nodes[0]): string {
    return [first, ...this.nodes.filter((node) => node !== first)].map((node) => node.url).join(",");
  }

  /** A node that runs. */
  get alive(): PrivateNode {
    const node = this.nodes.find(({ running }) => running);
    if (!node) throw new Error("no node of the cluster runs");
    return node;
  }

  /** Leaders of the quorum queues by their queues' names, as a node that runs knows them. */
  async leaders(): Promise<Map<string, PrivateNode>> {
    const rows = await this.alive.ctl("list_queues", "--no-table-headers", "name", "leader");
    return new Map(
      rows.trim().split("\n").flatMap((row) => {
        const [name, leader] = row.split("\t");
        const node = this.nodes.find((one) => one.name === leader);
        return node ? [[name, node] as const] : [];
      }),
    );
  }

  /** The node that leads the queue. */
  async leaderOf(queue: string): Promise<PrivateNode> {
    const node = (await this.leaders()).get(queue);
    if (!node) throw new Error(`no node leads the queue ${queue}`);
    return node;
  }

  /** The running node that leads most quorum queues. */
  async busiest(): Promise<PrivateNode> {
    const counts = new Map<PrivateNode, number>();
    for (const node of (await this.leaders()).values()) counts.set(node, (counts.get(node) ?? 0) + 1);
    const [[node]] = [...counts].filter(([one]) => one.running).sort(([, one], [, other]) => other - one);
    return node;
  }

  /** Ends the nodes that still run, and removes their data. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node[Symbol.asyncDispose]()));
  }
}
