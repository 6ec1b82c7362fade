import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { baseImage, buildah, canBuildImages, type ImageConfig, imageConfig, runReadOnly } from "../support/buildah.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free_port.ts";
import { rabbitmqUrl } from "../support/rabbitmq.ts";
import { RunnerContainer } from "../support/runner_container.ts";
import { uniqueName } from "../support/unique.ts";

const required = (Deno.env.get("WARREN_TEST_REQUIRE") ?? "").split(",").includes("containers");
const possible = await canBuildImages();
const ignore = !required && !(possible && rabbitmqUrl());
if (ignore) {
  console.log(
    "The tests of the container image are skipped. To run them, be root on a Linux with a RabbitMQ and with " +
      "buildah and debootstrap (Debian packages).",
  );
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const MESSAGES = 300;
const PREFETCH = 5;

/** The image as the Dockerfile builds it, and one derived from it that has a function of its own. */
class Images implements AsyncDisposable {
  readonly plain = `localhost/${uniqueName("warren-test")}`;
  readonly derived = `${this.plain}-derived`;

  static async build(functionName: string): Promise<Images> {
    assert(possible, "this needs root on Linux, buildah and debootstrap");
    const differs = await baseImage();
    if (differs) console.log(differs);
    const images = new Images();
    await buildah("bud", "--format", "docker", "--pull-never", "--tag", images.plain, ROOT);
    await images.#derive(functionName);
    return images;
  }

  /** As docs/deployment.md says, with a function that imports a package which the image does not have. */
  async #derive(functionName: string): Promise<void> {
    const folder = await Deno.makeTempDir({ prefix: "warren-derived-" });
    await Deno.mkdir(`${folder}/functions`);
    await Deno.writeTextFile(
      `${folder}/functions/${functionName}.ts`,
      `import camelcase from "npm:camelcase@8.0.0";
export const config = { concurrency: ${PREFETCH} };
export default async (message: { body: unknown }, context: { log: { info(text: string): void } }) => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  context.log.info(camelcase("Handled") + " " + message.body);
};
`,
    );
    await Deno.writeTextFile(
      `${folder}/functions/${greedy(functionName)}.ts`,
      `export const config = { memory: "128MB", retry: { attempts: 1 } };
export default async () => {
  for (const all: Uint8Array[] = []; all.length < 500;) {
    all.push(new Uint8Array(4 * 1024 * 1024).fill(1));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
};
`,
    );
    const page = await Deno.readTextFile(`${ROOT}/docs/deployment.md`);
    const [, documented] = /```Dockerfile\n(FROM warren\n.*?)```/s.exec(page) ?? [];
    assert(documented, "docs/deployment.md has no Dockerfile of a derived image");
    // A folder of its own: on a broker that others use, the functions that ship would take part.
    const dockerfile = documented
      .replace("FROM warren\n", `FROM ${this.plain}\nENV FUNCTIONS_DIR=/app/own\n`)
      .replace("/app/functions/", "/app/own/");
    await Deno.writeTextFile(`${folder}/Dockerfile`, dockerfile);
    await buildah("bud", "--format", "docker", "--pull-never", "--tag", this.derived, folder);
    await Deno.remove(folder, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await buildah("rmi", "--force", this.derived, this.plain);
  }
}

Deno.test({
  name: "the container image",
  ignore,
  async fn(test) {
    const name = uniqueName("container");
    await using images = await Images.build(name);
    const image = await imageConfig(images.derived);

    await test.step("runs as a user of its own, and pins its base", async () => {
      assertEquals(image.User, "deno");
      assertMatch(await Deno.readTextFile(`${ROOT}/Dockerfile`), /^FROM docker\.io\/denoland\/deno:\d+\.\d+\.\d+$/m);
    });

    await test.step("loads its functions without a network, on a read-only root file system", async () => {
      await assertLoadsAlone(images.plain);
      await assertLoadsAlone(images.derived);
    });

    await test.step("says that it needs AMQP_URL, and hosts a broker where it is told to", async () => {
      await assertBroker(images.plain);
    });

    await test.step("kills what takes more memory than its limit, as its own user on a read-only root", async () => {
      await assertBounded(images.derived, image, greedy(name));
    });

    await test.step("is healthy, shares a queue among its containers, and the kill of one loses nothing", async () => {
      await assertShared(images.derived, image, name);
    });
  },
});

async function assertLoadsAlone(tag: string): Promise<void> {
  const container = (await buildah("from", "--pull-never", tag)).trim();
  try {
    const child = await runReadOnly(container, await imageConfig(tag), { args: ["check"], network: false });
    const { code, stderr } = await child.output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
  } finally {
    await buildah("rm", container);
  }
}

async function assertBroker(tag: string): Promise<void> {
  const image = await imageConfig(tag);
  const port = { BROKER_PORT: String(freePort()) };
  await using alone = await RunnerContainer.start(tag, image, { ...port, PORT: "0" }, true);
  await alone.waitForLog("AMQP_URL is not set");
  assertEquals(await alone.stop(), 0);
  const variables = { ...port, PORT: "0", BROKER: "embedded", WARREN_DATA: "/tmp/data" };
  await using hosting = await RunnerContainer.start(tag, image, variables, true);
  await hosting.waitForLog("data in /tmp/data");
  await hosting.waitForLog("serving queue");
  assertEquals(await hosting.stop(), 0);
}

/** The name of the function that takes more memory than it may. */
function greedy(functionName: string): string {
  return `${functionName}-greedy`;
}

async function assertBounded(tag: string, image: ImageConfig, name: string): Promise<void> {
  const url = rabbitmqUrl();
  assert(url, "this needs a RabbitMQ");
  await using broker = await BrokerClient.connect(url);
  const queue = broker.own(name);
  await using container = await RunnerContainer.start(tag, image, { AMQP_URL: url, WATCH: "false" }, true);
  await container.waitForLog(`serving queue \\"${queue}\\"`);
  await broker.publish(queue, ["x"], { contentType: "text/plain" });
  await container.waitForLog("it took more memory than its limit of 128 MB");
  assertEquals(container.lines.filter((line) => line.includes("is not watched")), []);
  assertEquals(await container.stop(), 0);
}

async function assertShared(tag: string, image: ImageConfig, name: string): Promise<void> {
  const url = rabbitmqUrl();
  assert(url, "this needs a RabbitMQ");
  await using broker = await BrokerClient.connect(url);
  const queue = broker.own(name);
  await using stack = new AsyncDisposableStack();
  const containers: RunnerContainer[] = [];
  for (const readOnly of [false, false, true]) {
    containers.push(stack.use(await RunnerContainer.start(tag, image, { AMQP_URL: url, WATCH: "false" }, readOnly)));
  }
  const handled = () => containers.flatMap((container) => container.handled());

  await Promise.all(containers.map((container) => container.waitForLog("serving queue")));
  assertEquals(await containers[1].healthCheck(), 0);
  assertEquals(await containers[1].healthCheck("1"), 1, "the health check passes where nothing listens");
  await broker.publish(queue, Array.from({ length: MESSAGES }, (_, index) => String(index)), {
    contentType: "text/plain",
  });
  await eventually(() => handled().length > MESSAGES / 4, { timeout: 30_000, what: "a quarter of the messages" });
  await containers[0].kill();
  await eventually(() => new Set(handled()).size === MESSAGES, { timeout: 60_000, what: "every message" });

  for (const container of containers) assert(container.handled().length > 0, "a container had no share");
  const twice = handled().length - MESSAGES;
  assert(twice <= PREFETCH, `${twice} messages were handled twice, more than the killed one's prefetch`);
  for (const container of containers.slice(1)) assertEquals(await container.stop(), 0);
  assertEquals((await broker.count(queue)).messages, 0);
}
