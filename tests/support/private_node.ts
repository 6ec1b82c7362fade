import { join } from "node:path";
import { untilAnswers } from "./broker_probe.ts";
import { freePort } from "./free_port.ts";
import type { PrivateBroker } from "./private_broker.ts";

/** The real scripts: the wrapper in /usr/sbin changes the user and the environment. */
const SCRIPTS = Deno.env.get("WARREN_TEST_RABBITMQ_SCRIPTS") ?? "/usr/lib/rabbitmq/bin";

/** Whether this machine can start a node of its own. */
export function hasPrivateNodes(): boolean {
  try {
    return Deno.statSync(join(SCRIPTS, "rabbitmq-server")).isFile;
  } catch {
    return false;
  }
}

/** RabbitMQ as a private broker: a node of the test's own, which takes about six seconds to start. */
export class PrivateNode implements PrivateBroker {
  readonly url: string;
  readonly #folder: string;
  readonly #env: Record<string, string>;
  #child: Deno.ChildProcess | undefined;

  constructor(folder: string) {
    // It cannot be told to choose.
    const port = freePort();
    this.#folder = folder;
    this.url = `amqp://guest:guest@127.0.0.1:${port}`;
    this.#env = {
      RABBITMQ_NODENAME: `warren${port}@localhost`,
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
      RABBITMQ_DIST_PORT: String(port + 1),
      // Several nodes share two cores: schedulers that spin would take them from each other.
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none",
      ERL_EPMD_ADDRESS: "127.0.0.1",
      LANG: "C.UTF-8",
      RABBITMQ_CONFIG_FILE: join(folder, "rabbitmq.conf"),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "plugins"),
      RABBITMQ_MNESIA_BASE: join(folder, "mnesia"),
      RABBITMQ_LOG_BASE: join(folder, "log"),
      RABBITMQ_PID_FILE: join(folder, "pid"),
      HOME: folder,
    };
  }

  /** Its name among the nodes of a cluster. */
  get name(): string {
    return this.#env.RABBITMQ_NODENAME;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  get closableUrl(): string {
    return this.url;
  }

  /** Starts the node, also one that was stopped or killed, with the data it had. */
  async start(): Promise<void> {
    this.#child = new Deno.Command(join(SCRIPTS, "rabbitmq-server"), {
      // A node that cannot start leaves its dump in the folder where it was started.
      cwd: this.#folder,
      env: this.#env,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const ended = this.#child.status.then(({ code }) => {
      throw new Error(`rabbitmq-server ended with code ${code} while it started; its log is in ${this.#folder}/log`);
    });
    ended.catch(() => {});
    await Promise.race([untilAnswers(this.url), ended]);
    await this.ctl("await_startup");
  }

  /** Stops the node cleanly and waits for its end. */
  async stop(): Promise<void> {
    await this.ctl("stop");
    await this.#child?.status;
    this.#child = undefined;
  }

  async kill(): Promise<void> {
    await this.#signal("SIGKILL");
    await this.#child?.status;
    this.#child = undefined;
  }

  async freeze(): Promise<void> {
    await this.#signal("SIGSTOP");
  }

  async thaw(): Promise<void> {
    await this.#signal("SIGCONT");
  }

  async starve(): Promise<void> {
    await this.ctl("set_vm_memory_high_watermark", "0.00001");
  }

  async feed(): Promise<void> {
    await this.ctl("set_vm_memory_high_watermark", "0.4");
  }

  async closeConnections(): Promise<string> {
    const reason = "for a test";
    await this.ctl("close_all_connections", reason);
    return reason;
  }

  /** Runs `rabbitmqctl` on this node and gives its standard output. */
  ctl(...args: string[]): Promise<string> {
    return this.#tool("rabbitmqctl", args);
  }

  /** Runs `rabbitmq-queues` on this node and gives its standard output. */
  queues(...args: string[]): Promise<string> {
    return this.#tool("rabbitmq-queues", args);
  }

  async #tool(tool: "rabbitmqctl" | "rabbitmq-queues", args: readonly string[]): Promise<string> {
    const command = new Deno.Command(join(SCRIPTS, tool), {
      args: ["-q", "-n", this.#env.RABBITMQ_NODENAME, ...args],
      cwd: this.#folder,
      env: this.#env,
      stdin: "null",
    });
    const { success, stdout, stderr } = await command.output();
    const decoder = new TextDecoder();
    if (!success) throw new Error(`${tool} ${args.join(" ")}: ${decoder.decode(stderr).trim()}`);
    return decoder.decode(stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child) await this.kill().catch(() => this.#child?.kill("SIGKILL"));
    await Deno.remove(this.#folder, { recursive: true });
  }

  /** To the broker itself, not to the script that started it. */
  async #signal(signal: Deno.Signal): Promise<void> {
    Deno.kill(Number(await Deno.readTextFile(join(this.#folder, "pid"))), signal);
  }
}

/**
 * Starts a node in a fresh folder; `config` is added to its rabbitmq.conf.
 *
 * @param plugins as in `rabbitmq_management`
 */
export async function startPrivateNode(config = "", plugins: readonly string[] = []): Promise<PrivateNode> {
  const node = await makePrivateNode(config, { plugins });
  try {
    await node.start();
    return node;
  } catch (error) {
    await node[Symbol.asyncDispose]();
    throw error;
  }
}

/** A node in a fresh folder, to be started. Nodes with the same `cookie` can make a cluster. */
export async function makePrivateNode(
  config: string,
  { cookie, plugins = [] }: { cookie?: string; plugins?: readonly string[] } = {},
): Promise<PrivateNode> {
  const folder = await Deno.makeTempDir({ prefix: "warren-rabbitmq-" });
  const node = new PrivateNode(folder);
  await Deno.writeTextFile(
    join(folder, "rabbitmq.conf"),
    `listeners.tcp.default = 127.0.0.1:${new URL(node.url).port}\n${config}`,
  );
  await Deno.writeTextFile(join(folder, "plugins"), `[${plugins.join(", ")}].\n`);
  if (cookie) await Deno.writeTextFile(join(folder, ".erlang.cookie"), cookie, { mode: 0o400 });
  return node;
}
