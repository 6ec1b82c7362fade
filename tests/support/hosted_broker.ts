import { freePort } from "./free_port.ts";

/** A place for an embedded broker: a free port and a data folder; whatever still has it at the end is killed. */
export class BrokerPlace implements AsyncDisposable {
  readonly port = freePort();
  readonly dataDir: string;

  private constructor(dataDir: string) {
    this.dataDir = dataDir;
  }

  static async make(): Promise<BrokerPlace> {
    return new BrokerPlace(await Deno.realPath(await Deno.makeTempDir({ prefix: "warren-data-" })));
  }

  get url(): string {
    return `amqp://guest:guest@127.0.0.1:${this.port}`;
  }

  /** For a runner. */
  get env(): Record<string, string> {
    return { BROKER_PORT: String(this.port), WARREN_DATA: this.dataDir };
  }

  /** The processes of brokers with this data. */
  async processes(): Promise<number[]> {
    const mark = `--allow-write=${this.dataDir}`;
    return (await commands()).filter(({ command }) => command.includes(mark)).map(({ pid }) => pid);
  }

  async kill(signal: Deno.Signal = "SIGKILL"): Promise<void> {
    for (const pid of await this.processes()) {
      try {
        Deno.kill(pid, signal);
      } catch {
        // It ended by itself.
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.dataDir, { recursive: true });
  }
}

/** What runs on this machine. */
async function commands(): Promise<{ pid: number; command: string }[]> {
  if (Deno.build.os !== "linux") return await commandsByPs();
  const names = Array.fromAsync(Deno.readDir("/proc"), ({ name }) => name);
  const pids = (await names).filter((name) => /^\d+$/.test(name)).map(Number);
  return await Promise.all(pids.map(async (pid) => ({
    pid,
    command: await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => ""),
  })));
}

async function commandsByPs(): Promise<{ pid: number; command: string }[]> {
  const { stdout } = await new Deno.Command("ps", { args: ["-axww", "-o", "pid=,command="] }).output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  return lines.map((line) => ({ pid: Number(line.trim().split(" ")[0]), command: line }));
}
