import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runMain } from "../cli/run_command.ts";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { imageArguments, taskArguments } from "../support/command_lines.ts";
import { LINUX } from "../misbehaving/processes.ts";
import { eventually } from "../support/eventually.ts";
import { BrokerPlace } from "../support/hosted_broker.ts";
import { RunnerProcess } from "../support/runner_process.ts";
import { handledBy, post, startServing } from "../support/serving.ts";

/** One thing that a Deno process asked its permissions for, as `DENO_AUDIT_PERMISSIONS` writes it. */
interface Asked {
  permission: string;
  value: string;
}

/** What the processes of a test ask for: Deno truncates a plain file at the start of each of them, so it is a pipe. */
class Audit implements AsyncDisposable {
  readonly file: string;
  readonly #cat: Deno.ChildProcess;
  #text = "";
  #read: Promise<void>;

  private constructor(file: string) {
    this.file = file;
    // Open for reading and writing: it does not end with the first process that writes.
    const cat = new Deno.Command("/bin/sh", { args: ["-c", 'exec cat <>"$0"', file], stdout: "piped" }).spawn();
    this.#cat = cat;
    this.#read = (async () => {
      for await (const chunk of cat.stdout.pipeThrough(new TextDecoderStream())) this.#text += chunk;
    })();
  }

  static async make(folder: string): Promise<Audit> {
    const file = `${folder}/audit`;
    assert((await new Deno.Command("mkfifo", { args: [file] }).output()).success);
    return new Audit(file);
  }

  get asked(): Asked[] {
    return [...this.#text.matchAll(/"permission":"(\w+)","value":"([^"\n]*)"/g)].map(([, permission, value]) => ({
      permission,
      value,
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cat.kill();
    await this.#read;
    await this.#cat.status;
  }
}

/** What none of these flags allows: Deno wants `--allow-all` for what is below these folders, whatever else it has. */
function denied(asked: readonly Asked[], flags: readonly string[]): Asked[] {
  const allowed = flags.flatMap((flag) => /^--allow-(\w+)$/.exec(flag)?.[1] ?? []);
  return asked.filter(({ permission, value }) =>
    !allowed.includes(permission) ||
    (["read", "write"].includes(permission) && /^\/(proc|sys|dev)(\/|$)/.test(value) && value !== "/dev/null")
  );
}

const FUNCTIONS = {
  "useful.ts": `
    export const config = { retry: { attempts: 1 }, output: "out", schedule: "0 0 1 1 *", warm: true };
    export default async ({ body }, context) => {
      if (body === "bad") throw new Error("bad");
      await context.once(() => 1);
      context.log.info("handled", { body });
      return body;
    };`,
  "trusted.ts": `
    export const config = { isolation: "inline", order: { by: "routingKey", partitions: 2 } };
    export default ({ body }, { log }) => log.info("handled", { body });`,
};

for (const by of ["task", "image"] as const) {
  Deno.test({
    name: `the ${by}'s flags allow everything that the runner does: nothing is denied, logged or not`,
    ignore: !LINUX,
    async fn() {
      await using place = await BrokerPlace.make();
      await using functions = await folder(FUNCTIONS);
      await using audit = await Audit.make(functions.path);
      const env = { ...place.env, BROKER: "embedded", WATCH: "true", DENO_AUDIT_PERMISSIONS: audit.file };
      await using runner = await startServing({ by, functionsDir: functions.path, env });
      await using client = await BrokerClient.connect(place.url);
      for (const body of ["good", "bad"]) assertEquals(await post(runner, "useful", body), 202);
      assertEquals(await post(runner, "trusted", "inline"), 202);
      const dead = await client.take("useful.dead");
      assertEquals(dead.properties.headers?.["warren-host"], Deno.hostname());
      await eventually(() => handledBy(runner).length === 2);
      await functions.write({ "useful.ts": FUNCTIONS["useful.ts"].replace("{ body });", "{ body, again: true });") });
      await eventually(async () => {
        await post(runner, "useful", "again");
        return handledBy(runner).some(({ again }) => again === true);
      });
      runner.kill("SIGTERM");
      assertEquals((await runner.status).code, 0);
      const flags = by === "task" ? taskArguments(["start"]) : imageArguments(["start"]);
      assert(audit.asked.some(({ value }) => value === functions.path), "nothing was audited");
      assertEquals(denied(audit.asked, flags), []);
      assertEquals(runner.log.filter(({ message }) => /NotCapable|Requires \w+ access/.test(message)), []);
    },
  });
}

Deno.test({
  name: "the task's flags allow everything that the embedded broker does when it runs alone",
  ignore: !LINUX,
  async fn() {
    await using place = await BrokerPlace.make();
    await using audit = await Audit.make(place.dataDir);
    const env = { ...place.env, BROKER_WS_PORT: "0", DENO_AUDIT_PERMISSIONS: audit.file };
    await using broker = new RunnerProcess({ args: ["broker"], env });
    await broker.waitForLog(({ message }) => message.startsWith("broker at amqp://"), 30_000);
    await using client = await BrokerClient.connect(place.url);
    const queue = client.queue("audited");
    await client.declare(queue);
    await client.publish(queue, ["x"]);
    await client.take(queue);
    broker.kill("SIGTERM");
    assertEquals((await broker.status).code, 0);
    assert(audit.asked.some(({ value }) => value.startsWith(place.dataDir)), "nothing was audited");
    assertEquals(denied(audit.asked, taskArguments(["broker"])), []);
  },
});

for (const alone of [true, false]) {
  const where = alone ? "alone" : "beside a runner";
  for (
    const [what, env] of [["disk", { BROKER_DISK_FREE: "900000GB" }], ["memory", { BROKER_MEMORY: "1MB" }]] as const
  ) {
    Deno.test(`the embedded broker ${where} sees that ${what} is short, with the permissions that users give it`, async () => {
      await using place = await BrokerPlace.make();
      await using functions = await folder({});
      const options = { functionsDir: functions.path, env: { ...place.env, BROKER: "embedded", ...env } };
      await using process = new RunnerProcess(alone ? { args: ["broker"], env: { ...place.env, ...env } } : options);
      const line = await process.waitForLog(({ message }) => message.includes(`low on ${what}`), 30_000);
      assertStringIncludes(line.message, "low on");
    });
  }
}

Deno.test({
  name: "a secret's file that the flags do not allow is an error with the reason",
  ignore: !LINUX,
  async fn() {
    const { code, stderr } = await runMain(["start"], { API_TOKEN_FILE: "/dev/fd/0" });
    assertEquals(code, 2);
    assertStringIncludes(stderr, 'API_TOKEN_FILE names "/dev/fd/0", which cannot be read: Requires all access');
  },
});
