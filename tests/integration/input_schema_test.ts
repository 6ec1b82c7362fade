import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { embeddedTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import type { RunnerProcess } from "../support/runner_process.ts";
import { handledBy, seen, startServing } from "../support/serving.ts";

const JSON_SCHEMA = {
  type: "object",
  required: ["email"],
  properties: {
    email: { type: "string", description: "Whom to write to." },
    copies: { type: "integer" },
  },
};

/** A function with a Standard Schema by hand, as zod and arktype make them, with the extension for JSON schemas. */
function signup(config: Record<string, unknown>, jsonSchema = `{ input: () => (${JSON.stringify(JSON_SCHEMA)}) }`) {
  return `
    export const input = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (value) => typeof value?.email === "string" ? { value } : { issues: [{ message: "no email" }] },
        jsonSchema: ${jsonSchema},
      },
    };
    export const config = ${JSON.stringify(config)};
    export default (message, context) => context.log.info("handled", { body: message.body });`;
}

async function inputOf(runner: RunnerProcess, name: string): Promise<unknown> {
  const response = await fetch(`${runner.url}/functions/${name}`);
  return (await response.json()).input;
}

async function pageOf(runner: RunnerProcess, name: string): Promise<string> {
  const response = await fetch(`${runner.url}/console/functions/${name}`, { headers: { accept: "text/html" } });
  return await response.text();
}

/** Sends the form of the function's page; gives the status. */
async function invoke(runner: RunnerProcess, name: string, form: Record<string, string>): Promise<number> {
  const url = `${runner.url}/console/functions/${name}/invoke`;
  const response = await fetch(url, { method: "POST", body: new URLSearchParams(form), redirect: "manual" });
  await response.body?.cancel();
  return response.status;
}

for (const isolation of ["process", "inline"]) {
  embeddedTest(
    `the page of a function that runs ${isolation} has the fields of its input once it is loaded`,
    async (url) => {
      await using broker = await BrokerClient.connect(url);
      const queue = broker.queue("signup");
      await using functions = await folder({ "signup.ts": signup({ queue, isolation }) });
      await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });

      assertEquals(await inputOf(runner, "signup"), undefined);
      assertStringIncludes(await pageOf(runner, "signup"), '<textarea id="invoke-body"');

      // A form that was made before it was loaded is what it says, although there are fields now.
      const written = { contentType: "application/json", body: '{"email":"a@b.example"}' };
      assertEquals(await invoke(runner, "signup", written), 303);
      await eventually(() => handledBy(runner).length === 1);
      assertEquals(await inputOf(runner, "signup"), JSON_SCHEMA);
      const page = await pageOf(runner, "signup");
      for (const part of ['name="field:email"', 'name="field:copies"', "Whom to write to."]) {
        assertStringIncludes(page, part);
      }

      assertEquals(await invoke(runner, "signup", { "field:email": "c@d.example", "field:copies": "2" }), 303);
      await eventually(() => handledBy(runner).length === 2);
      const bodies = handledBy(runner).map(({ body }) => body);
      assertEquals(bodies, [{ email: "a@b.example" }, { email: "c@d.example", copies: 2 }]);

      await functions.write({
        "signup.ts": `
        export const config = ${JSON.stringify({ queue, isolation })};
        export default () => {};`,
      });
      await runner.waitForLog(({ message }) => message === "serving a new version");
      assertEquals((await seen(runner)).signup.loaded, true);
      assertEquals(await inputOf(runner, "signup"), undefined);
      assertEquals(await invoke(runner, "signup", { "field:email": "e@f.example", "field:copies": "" }), 409);
    },
  );
}

embeddedTest(
  "a function whose schema cannot be JSON, is too large or gives none serves without fields",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const schemas: Record<string, string> = {
      throws: '{ input: () => { throw new Error("Date cannot be represented"); } }',
      huge: '{ input: () => ({ description: "x".repeat(65_536) }) }',
      none: "undefined",
    };
    const files = Object.entries(schemas).map(([name, schema]) =>
      [`${name}.ts`, signup({ queue: broker.queue(name), warm: true }, schema)] as const
    );
    await using functions = await folder(Object.fromEntries(files));
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });

    for (const name of Object.keys(schemas)) {
      await eventually(async () => (await seen(runner))[name].loaded === true);
      assertEquals(await inputOf(runner, name), undefined);
      assert((await pageOf(runner, name)).includes('<textarea id="invoke-body"'));
      assertEquals(await invoke(runner, name, { contentType: "application/json", body: '{"email":"a"}' }), 303);
    }
    await eventually(() => handledBy(runner).length === 3);
  },
);
