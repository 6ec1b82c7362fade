import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { freePort } from "./free_port.ts";

const required = (Deno.env.get("WARREN_TEST_REQUIRE") ?? "").split(",").includes("prometheus");
const PROMETHEUS = Deno.env.get("WARREN_TEST_PROMETHEUS") ?? "prometheus";
const PROMTOOL = Deno.env.get("WARREN_TEST_PROMTOOL") ?? "promtool";
const found = await isThere(PROMETHEUS) && await isThere(PROMTOOL);
let told = false;

/**
 * A test that needs Prometheus, which it starts itself, or its `promtool`. Where these are missing it is skipped and one
 * line says how to run it; where WARREN_TEST_REQUIRE names `prometheus` it fails instead.
 */
export function prometheusTest(name: string, fn: () => Promise<void>): void {
  if (!found && !required && !told) {
    told = true;
    console.log(`There is no ${PROMETHEUS} or no ${PROMTOOL}: the tests that need Prometheus are skipped.`);
    console.log(
      "To run them, install Debian's prometheus, or name both in WARREN_TEST_PROMETHEUS and WARREN_TEST_PROMTOOL.",
    );
  }
  Deno.test({
    name,
    ignore: !found && !required,
    fn() {
      if (!found) throw new Error(`there is no ${PROMETHEUS} or no ${PROMTOOL}`);
      return fn();
    },
  });
}

/** Runs `promtool` and gives what it printed. @throws {Error} with that, if it fails */
export async function promtool(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(PROMTOOL, { args, stdin: "null" }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (!success) throw new Error(`${PROMTOOL} ${args.join(" ")} failed:\n${text}`);
  return text;
}

/** A series with its value now. */
export interface Found {
  readonly metric: Record<string, string>;
  readonly value: [time: number, value: string];
}

/** A Prometheus of the test's own, with data that is removed at the end. */
export class Prometheus implements AsyncDisposable {
  readonly #folder: string;
  readonly #child: Deno.ChildProcess;
  readonly url: string;

  private constructor(folder: string, child: Deno.ChildProcess, url: string) {
    this.#folder = folder;
    this.#child = child;
    this.url = url;
  }

  /** @param config The configuration as YAML, which JSON is */
  static async launch(config: unknown): Promise<Prometheus> {
    const folder = await Deno.makeTempDir({ prefix: "warren-prometheus-" });
    const [file, address] = [join(folder, "prometheus.yaml"), `127.0.0.1:${freePort()}`];
    await Deno.writeTextFile(file, JSON.stringify(config));
    const child = new Deno.Command(PROMETHEUS, {
      args: [`--config.file=${file}`, `--storage.tsdb.path=${join(folder, "data")}`, `--web.listen-address=${address}`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const prometheus = new Prometheus(folder, child, `http://${address}`);
    try {
      await eventually(async () => (await prometheus.#get("/-/ready")).ok, { what: "Prometheus to be ready" });
      return prometheus;
    } catch (error) {
      await prometheus[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** @throws {Error} with what is wrong with the query */
  async query(query: string): Promise<Found[]> {
    const { result } = await this.api<{ result: Found[] }>(`query?query=${encodeURIComponent(query)}`);
    return result;
  }

  /** What a route below `/api/v1/` answers. */
  async api<T>(path: string): Promise<T> {
    const { status, data, error } = await (await this.#get(`/api/v1/${path}`)).json();
    if (status !== "success") throw new Error(`${path}: ${error}`);
    return data;
  }

  async #get(path: string): Promise<Response> {
    const response = await fetch(this.url + path);
    if (response.headers.get("content-type")?.includes("json")) return response;
    await response.body?.cancel();
    return response;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function isThere(command: string): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args: ["--version"], stdout: "null", stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}
