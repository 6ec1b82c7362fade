import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { folder } from "../../loader/folder.ts";
import { baseImage, buildah, canBuildImages, imageConfig, runReadOnly } from "../../support/buildah.ts";
import { eventually } from "../../support/eventually.ts";
import { BrokerPlace } from "../../support/hosted_broker.ts";
import { JsrRegistry } from "../../support/jsr_registry.ts";
import { TextLineStream } from "../../support/text_lines.ts";
import { uniqueName } from "../../support/unique.ts";

const required = (Deno.env.get("WARREN_TEST_REQUIRE") ?? "").split(",").includes("containers");
const possible = await canBuildImages();

/** Imports what the project's deno.json names, and runs each second. */
const TICKING = `
import camelcase from "camelcase";
import type { FunctionConfig, Handler } from "warren";

export const config = { schedule: "* * * * * *" } satisfies FunctionConfig;

const ticking: Handler = (_message, context) => context.log.info(camelcase("it-ticks"));
export default ticking;
`;

/** A folder in which there is nothing but what Deno itself brings, and a registry instead of jsr.io. */
class Desk implements AsyncDisposable {
  readonly project: string;
  readonly env: Record<string, string>;
  readonly #stack = new AsyncDisposableStack();

  private constructor(path: string, registry: Record<string, string>) {
    this.project = join(path, "shop");
    this.env = { ...registry, DENO_DIR: join(path, "cache"), NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  }

  static async make(registry: JsrRegistry): Promise<Desk> {
    const dir = await folder();
    const desk = new Desk(dir.path, registry.env);
    desk.#stack.use(dir);
    return desk;
  }

  /** Runs one of Deno's commands, and gives what it printed. */
  async deno(args: string[], cwd = this.project, env: Record<string, string> = {}): Promise<string> {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd,
      env: { ...this.env, ...env },
      stdin: "null",
    }).output();
    const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
    assert(success, `deno ${args.join(" ")}: ${said.slice(-3_000)}`);
    return said;
  }

  /** Runs the command line of the task \`start\`, without the task that would be between. */
  async start(env: Record<string, string>): Promise<Started> {
    const { tasks } = JSON.parse(await Deno.readTextFile(join(this.project, "deno.json")));
    const [deno, ...args] = tasks.start.command.split(" ");
    assertEquals(deno, "deno");
    const child = new Deno.Command(Deno.execPath(), {
      args,
      cwd: this.project,
      env: { ...this.env, ...env },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    return new Started(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** A runner and what it logs; stopped when disposed of. */
class Started implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<void>;

  constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#read = this.#readLines();
  }

  async waitFor(text: string): Promise<void> {
    try {
      await eventually(() => this.lines.some((line) => line.includes(text)), { timeout: 60_000, what: text });
    } catch (cause) {
      throw new Error(`not in the log: ${text}\n${this.lines.slice(-15).join("\n")}`, { cause });
    }
  }

  async #readLines(): Promise<void> {
    const lines = this.#child.stderr.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    for await (const line of lines) this.lines.push(line);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It ended by itself.
    }
    await this.#child.status;
    await this.#read;
  }
}

Deno.test("from an empty folder, with Deno and the published package alone", async (test) => {
  await using registry = await JsrRegistry.publish();
  await using desk = await Desk.make(registry);
  const began = performance.now();
  const seconds: Record<string, number> = {};
  const timed = async (name: string, work: () => Promise<void>) => {
    const start = performance.now();
    await test.step(name, work);
    seconds[name] = Math.round((performance.now() - start) / 100) / 10;
  };

  await timed("init writes a project", async () => {
    await desk.deno(["run", "-A", "jsr:@warren/warren", "init", desk.project], join(desk.project, ".."));
    const settings = await Deno.readTextFile(join(desk.project, "deno.json"));
    assertStringIncludes(settings, '"warren": "jsr:@warren/warren@^');
    assert(!settings.includes("file:"), "the project needs nothing of this repository");
  });

  await timed("its tests pass, types checked", async () => {
    assertStringIncludes(await desk.deno(["task", "test"]), "2 passed");
  });

  await timed("a package of its own is added, and a function that imports it", async () => {
    await desk.deno(["add", "npm:camelcase@8.0.0"]);
    await Deno.writeTextFile(join(desk.project, "functions/ticking.ts"), TICKING);
    await desk.deno(["task", "cache"]);
    const checked = await desk.deno(["task", "check", "--production", "--load", "--types"]);
    assertStringIncludes(checked, "2 of 2 functions can be bound and load");
  });

  await timed("start runs it, and the first message", async () => {
    await using place = await BrokerPlace.make();
    const broker = { ...place.env, BROKER: "embedded" };
    const lock = await Deno.readTextFile(join(desk.project, "deno.lock"));
    await using runner = await desk.start({ ...broker, PORT: "0" });
    await runner.waitFor('serving queue \\"hello\\"');
    await desk.deno(["task", "publish", "hello", '{"name":"World"}'], desk.project, broker);
    await runner.waitFor("hello World");
    await runner.waitFor("itTicks");
    assertEquals(await Deno.readTextFile(join(desk.project, "deno.lock")), lock);
  });

  if (possible || required) {
    assert(possible, "this needs root on Linux, buildah and debootstrap");
    await timed("its image starts without a network, and runs the function", () => assertImage(desk, registry));
  } else console.log("The image of a project is not built: that needs root on Linux, buildah and debootstrap.");
  const total = Math.round((performance.now() - began) / 100) / 10;
  console.log(`from an empty folder: ${total} s, of which ${JSON.stringify(seconds)}`);
});

async function assertImage({ project }: Desk, registry: JsrRegistry): Promise<void> {
  const differs = await baseImage();
  if (differs) console.log(differs);
  const tag = `localhost/${uniqueName("warren-project")}`;
  // The one line that only this test needs: which registry it is.
  const env = Object.entries(registry.env).map(([name, value]) => `ENV ${name}=${value}\n`).join("");
  const dockerfile = await Deno.readTextFile(join(project, "Dockerfile"));
  await Deno.writeTextFile(join(project, "Dockerfile"), dockerfile.replace(/^FROM .*\n/, (from) => `${from}${env}`));
  await buildah("bud", "--format", "docker", "--pull-never", "--tag", tag, project);
  const container = (await buildah("from", "--pull-never", tag)).trim();
  try {
    const image = await imageConfig(tag);
    assertEquals(image.User, "deno");
    const offline = { network: false, env: { BROKER: "embedded", WARREN_DATA: "/tmp/data" } };
    await using runner = new Started(await runReadOnly(container, image, offline));
    await runner.waitFor('serving queue \\"hello\\"');
    await runner.waitFor("itTicks");
  } finally {
    await buildah("rm", container);
    await buildah("rmi", "--force", tag);
  }
}
