import { assert, assertEquals } from "@std/assert";
import { doctor } from "../../lib/cli/doctor/doctor.ts";
import type { Finding } from "../../lib/cli/doctor/finding.ts";
import { runCommand } from "../cli/run_command.ts";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free_port.ts";
import { startPrivateNode } from "../support/private_node.ts";
import { privateNodeTest } from "../support/rabbitmq.ts";
import { startServing } from "../support/serving.ts";

const HOLD = `
  export const config = { queue: "held", concurrency: 1, prefetch: 3, retry: { attempts: 1 } };
  export default (_, context) => new Promise((resolve) => context.signal.addEventListener("abort", resolve));`;

privateNodeTest(
  "RabbitMQ: its management API completes depths, and doctor finds alarms, policies and lacking rights",
  async () => {
    const port = freePort();
    const config = `management.tcp.port = ${port}\nmanagement.tcp.ip = 127.0.0.1\ncollect_statistics_interval = 500\n`;
    await using node = await startPrivateNode(config, ["rabbitmq_management"]);
    await using functions = await folder({ "held.ts": HOLD });
    const management = `http://127.0.0.1:${port}`;
    const env = { MANAGEMENT_URL: management, WARREN_DATA: `${functions.path}.data` };
    {
      await using runner = await startServing({ amqpUrl: node.url, functionsDir: functions.path, env });
      await using broker = await BrokerClient.connect(node.url);
      const published = Date.now() - 60_000;
      await broker.publish("held", ["1", "2", "3", "4", "5"], { timestamp: new Date(published) });
      const depth = await eventually(async () => {
        const found = (await (await fetch(`${runner.url}/functions/held`)).json()).depth;
        return found?.source === "management" && found.unacknowledged === 3 && found.oldest > 0 && found;
      }, { timeout: 30_000, what: "the management API to tell of the deliveries" });
      assertEquals([depth.ready, depth.consumers], [2, 1]);
      assert(depth.oldest >= 60_000 && depth.oldest < 120_000, `the oldest is ${depth.oldest} ms old`);
    }
    const examine = async (more: Record<string, string> = {}): Promise<Finding[]> => {
      const all = { AMQP_URL: node.url, FUNCTIONS_DIR: functions.path, PORT: "0", ...env, ...more };
      return JSON.parse((await runCommand(doctor, ["--json"], all)).stdout).findings;
    };
    const levelOf = (findings: Finding[], check: string) =>
      findings.filter((one) => one.check === check).map(({ level }) => level);
    const fine = await examine();
    for (const check of ["management API", "clock", "nodes", "policies"]) {
      assertEquals(
        levelOf(fine, check),
        ["ok"],
        check,
      );
    }
    assertEquals(levelOf(fine, "rights"), ["ok", "ok"]);

    await node.ctl("set_policy", "short", "dead$", '{"message-ttl":1000}');
    await eventually(async () => levelOf(await examine(), "queue held.dead").includes("error"), { timeout: 20_000 });

    await node.ctl("add_user", "app", "secret");
    await node.ctl("set_permissions", "app", "^held", "^held", "^held");
    await node.ctl("set_user_tags", "app", "administrator");
    const app = node.url.replace("guest:guest", "app:secret");
    const limited = await examine({ AMQP_URL: app });
    assertEquals(levelOf(limited, "rights"), ["warning"]);
    assert(levelOf(limited, "function held").includes("error"));

    await node.starve();
    await eventually(async () => {
      const starved = await examine();
      return levelOf(starved, `node ${node.name}`).includes("error") && levelOf(starved, "rights").includes("error");
    }, { timeout: 30_000, what: "doctor to see the alarm" });
  },
);
