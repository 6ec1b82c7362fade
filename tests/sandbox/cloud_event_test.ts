import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { resolveFunctionConfig } from "../../lib/invocation/definition/function_config.ts";
import type { Publication } from "../../lib/invocation/publication.ts";
import type { Content, Invocation, Sandbox } from "../../lib/invocation/sandbox.ts";
import { Logger } from "../../lib/base/log.ts";
import { InlineSandbox } from "../../lib/sandbox/handler/inline_sandbox.ts";
import { ProcessSandbox } from "../../lib/sandbox/host/process_sandbox.ts";
import { failureOf, invocationOf } from "../misbehaving/cage.ts";
import { invoked } from "../support/invoked.ts";

const CONFIG_FILE = fileURLToPath(new URL("../../deno.json", import.meta.url));
const REQUIRED = { specversion: "1.0", id: "e1", source: "/shop", type: "sold" };

/** What a handler publishes, of whatever its message is. */
const ECHO = `
  export default async ({ body, event }, context) => {
    await context.publish({ body, event }, { routingKey: "q" });
  };`;

/** The same in a process of its own and inline. */
function sandboxTest(
  name: string,
  { module, config = {} }: { module: string; config?: Record<string, unknown> },
  test: (sandbox: Sandbox) => Promise<void>,
): void {
  for (const isolation of ["process", "inline"]) {
    Deno.test(`${isolation}: ${name}`, async () => {
      const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "warren-event-" }));
      const file = `${folder}/function.ts`;
      await Deno.writeTextFile(file, module);
      const { envelope = "cloudevents", ...more } = config;
      const all = { ...(envelope ? { envelope } : {}), isolation, ...more };
      const options = {
        definition: resolveFunctionConfig(all, { name: "shop.sold", file, version: "1" }),
        sources: new Map([[file, module]]),
        folder,
        resolution: { config: CONFIG_FILE, files: new Map() },
        log: new Logger({ level: "silent" }),
        loadTimeout: 30_000,
      };
      const sandbox = isolation === "inline" ? new InlineSandbox(options) : new ProcessSandbox(options);
      try {
        await test(sandbox);
      } finally {
        await sandbox.close();
        await Deno.remove(folder, { recursive: true });
      }
    });
  }
}

function structured(event: Record<string, unknown>): Invocation {
  return { ...invocationOf(event), properties: { contentType: "application/cloudevents+json", messageId: "m" } };
}

function binary(attributes: Record<string, unknown>, body: unknown): Invocation {
  const named = Object.entries(attributes).map(([name, value]) => [`cloudEvents:${name}`, value]);
  return { ...invocationOf(body), headers: Object.fromEntries(named) };
}

async function published(sandbox: Sandbox, invocation: Invocation): Promise<readonly Publication[]> {
  const outcome = await invoked(sandbox, invocation);
  assert(outcome.kind === "completed", Deno.inspect(outcome));
  return outcome.outputs ?? [];
}

function jsonOf({ body }: { body: Uint8Array }) {
  return JSON.parse(new TextDecoder().decode(body));
}

sandboxTest(
  "a handler gets the data of an event as the body, and its attributes",
  { module: ECHO },
  async (sandbox) => {
    const event = { ...REQUIRED, datacontenttype: "application/json" };
    for (const invocation of [structured({ ...event, data: { a: 1 } }), binary(REQUIRED, { a: 1 })]) {
      const [output] = await published(sandbox, invocation);
      assertEquals(jsonOf(output), { body: { a: 1 }, event });
    }
  },
);

sandboxTest(
  "what is no event is undecodable, and is told so before it is a message",
  { module: ECHO },
  async (sandbox) => {
    const none = invocationOf({});
    const { message } = failureOf(await invoked(sandbox, none), "undecodable");
    assertStringIncludes(
      message,
      "the message is not a CloudEvent: id, source, type, specversion are missing; its headers",
    );
    assertEquals((await sandbox.validate(contentOf(none)))?.message, message);
    assertEquals(await sandbox.validate(contentOf(binary(REQUIRED, {}))), undefined);
    const batch = { ...none, properties: { contentType: "application/cloudevents-batch+json" } };
    assertStringIncludes(failureOf(await invoked(sandbox, batch), "undecodable").message, "cloudevents-batch+json");
  },
);

function contentOf({ body, properties, headers }: Invocation): Content {
  return { body, properties, headers };
}

const EMAIL = `
  export const input = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => typeof value?.email === "string"
        ? { value: value.email.toLowerCase() }
        : { issues: [{ message: "expected a string", path: ["email"] }] },
    },
  };`;

sandboxTest("an input checks the data of events", { module: EMAIL + ECHO }, async (sandbox) => {
  const [output] = await published(sandbox, structured({ ...REQUIRED, data: { email: "A@B" } }));
  assertEquals([jsonOf(output).body, jsonOf(output).event.id], ["a@b", "e1"]);
  const wrong = structured({ ...REQUIRED, data: { email: 5 } });
  assertEquals(failureOf(await invoked(sandbox, wrong), "invalid").message, "email: expected a string");
  assertEquals((await sandbox.validate(contentOf(wrong)))?.type, "ValidationError");
});

const PUBLISHING = `
  export default async ({ body, event }, context) => {
    await context.publish(body, { routingKey: "q", event: { type: "a", tenant: "x" } });
    await context.publish(body, { routingKey: "q", event: { type: "b", mode: "structured", id: "own" } });
    await context.publish(body, { routingKey: "q", messageId: "mine", headers: { h: 1 }, event: { type: "c" } });
    await context.publish(body, { routingKey: "q", event });
    await context.publish("<a/>", { routingKey: "q", contentType: "text/xml", event: { type: "d" } });
  };`;

sandboxTest("a handler publishes events, with the id of their message", { module: PUBLISHING }, async (sandbox) => {
  const outputs = await published(sandbox, structured({ ...REQUIRED, data: [1] }));
  const [plain, whole, named, same, text] = outputs;
  const { cloudEvents_time: time, ...attributes } = plain.headers;
  assert(typeof time === "string" && Math.abs(Date.now() - Date.parse(time)) < 60_000);
  assertEquals(attributes, {
    cloudEvents_specversion: "1.0",
    cloudEvents_id: "m/0",
    cloudEvents_source: "/functions/shop.sold",
    cloudEvents_type: "a",
    cloudEvents_tenant: "x",
  });
  assertEquals([plain.properties.contentType, plain.properties.messageId, jsonOf(plain)], ["application/json", "m/0", [
    1,
  ]]);
  assertEquals([jsonOf(whole).id, jsonOf(whole).data, whole.properties.messageId], ["own", [1], "own"]);
  assertEquals(whole.properties.contentType, "application/cloudevents+json; charset=utf-8");
  assertEquals([named.headers.cloudEvents_id, named.headers.h, named.properties.messageId], ["mine", 1, "mine"]);
  assertEquals([same.headers.cloudEvents_id, same.headers.cloudEvents_source, same.properties.messageId], [
    "e1",
    "/shop",
    "e1",
  ]);
  assertEquals([text.properties.contentType, text.headers.cloudEvents_id], ["text/xml", "m/4"]);
});

const WRONG = `
  export default async ({ body }, context) => {
    const options = {
      name: { event: { type: "t", Big: 1 } },
      type: { event: {} },
      none: { event: "t" },
      encoded: { contentEncoding: "gzip", event: { type: "t", mode: "structured" } },
      content: { contentType: 5, event: { type: "t" } },
    };
    await context.publish("x", { routingKey: "q", ...options[body] });
  };`;

sandboxTest("what is wrong in an event fails where it was written", { module: WRONG }, async (sandbox) => {
  const messages: Record<string, string> = {
    name: 'the event cannot be written: "Big" is no name of an attribute',
    type: "the event cannot be written: type is missing",
    none: 'the attributes of an event, an object; it got "t"',
    encoded: "a structured event cannot have a contentEncoding",
    content: "the content type of an event is a string; it got 5",
  };
  for (const [body, message] of Object.entries(messages)) {
    const failure = failureOf(await invoked(sandbox, binary(REQUIRED, body)), "failed");
    assertStringIncludes(failure.message, message);
    assertStringIncludes(failure.stack!, "function.ts");
  }
});

const BATCH = `
  export default async (messages) => {
    for (const message of messages) await message.publish(message.body, { routingKey: "q", event: message.event });
  };`;

sandboxTest(
  "a batch has events, and none that are no events",
  { module: BATCH, config: { batch: { size: 3 } } },
  async (
    sandbox,
  ) => {
    const batch = [structured({ ...REQUIRED, data: 1 }), invocationOf(2), binary({ ...REQUIRED, id: "e3" }, 3)];
    const [first, second, third] = await sandbox.invokeBatch(batch);
    failureOf(second, "undecodable");
    assert(first.kind === "completed" && third.kind === "completed");
    assertEquals([first, third].map(({ outputs }) => outputs?.[0].headers.cloudEvents_id), ["e1", "e3"]);
  },
);

sandboxTest("a function without an envelope gets events as they are", {
  module: ECHO,
  config: { envelope: "" },
}, async (sandbox) => {
  const event = { ...REQUIRED, data: 1 };
  assertEquals(jsonOf((await published(sandbox, structured(event)))[0]), { body: event });
});
