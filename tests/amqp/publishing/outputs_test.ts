import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { AMQPView } from "@cloudamqp/amqp-client/amqp-view";
import { patchClient } from "../../../lib/amqp/client/client_patches.ts";
import type { Connection } from "../../../lib/amqp/client/connection.ts";
import { readProperties } from "../../../lib/amqp/message/content_header.ts";
import type { Handled, OutputsOptions } from "../../../lib/amqp/publishing/handled.ts";
import { Outputs } from "../../../lib/amqp/publishing/outputs.ts";
import type { OutgoingMessage } from "../../../lib/amqp/publishing/confirms/outgoing_message.ts";
import { writeProperties } from "../../../lib/amqp/message/write_properties.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import { resolveFunctionConfig } from "../../../lib/invocation/definition/function_config.ts";
import type { Publication } from "../../../lib/invocation/publication.ts";
import type { Outcome, Result } from "../../../lib/invocation/outcome.ts";
import { Logger } from "../../../lib/base/log.ts";
import { invocationOf } from "../../misbehaving/cage.ts";
import { rawParts } from "../../support/amqp/raw_headers.ts";

type Send = OutputsOptions["publisher"]["send"];
type Take = (answer: OutgoingMessage) => boolean;

/** Outputs that note what they publish. What `send` takes is sent at once; what `take` takes is not published. */
function noting(
  published: OutgoingMessage[],
  take: Take = () => false,
  send: Send = () => false,
): Outputs {
  return new Outputs({
    replies: { take: (answer) => take({ exchange: "", ...answer }) },
    connection: {} as Connection,
    publisher: {
      publish: (message) => Promise.resolve(void published.push(message)),
      send,
    },
    topology: { declareRung: () => Promise.resolve(), bindToDispatch: () => Promise.resolve(), forgetRungs: () => {} },
    log: new Logger({ level: "silent" }),
    maxBody: 1_000,
  });
}

/** Publishes what a function returned as an event of this mode, and gives what was published. */
async function publish(mode: string, result: Result): Promise<OutgoingMessage[]> {
  const published: OutgoingMessage[] = [];
  const outputs = noting(published);
  const config = { output: { routingKey: "q", event: { type: "t", mode } } };
  const definition = resolveFunctionConfig(config, { name: "f", file: "/f.ts", version: "1" });
  const handled = { definition, invocation: invocationOf(null), delivery: { live: true } };
  await left(outputs, handled, { kind: "completed", result });
  return published;
}

/** Resolves with the ids of the outputs once everything is with the broker. */
function left(
  outputs: Outputs,
  handled: Handled,
  outcome: Outcome & { kind: "completed" },
): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    outputs.publish(handled, outcome, (error, _, ids) => error === undefined ? resolve(ids) : reject(error), undefined);
  });
}

function returned(text: string, contentType = "application/json"): Result {
  return { body: new TextEncoder().encode(text), contentType };
}

Deno.test("what is returned leaves as an event whose id is its message's, the same each time", async () => {
  for (let attempt = 1; attempt <= 2; attempt++) {
    const [{ properties, routingKey }] = await publish("binary", returned("{}"));
    const { cloudEvents_id: id, cloudEvents_source: source } = properties?.headers ?? {};
    assertEquals([routingKey, properties?.messageId, String(id), String(source)], ["q", "m/0", "m/0", "/functions/f"]);
  }
});

Deno.test("a result that a process forged puts no attribute into an event, and fails the invocation", async () => {
  for (const forged of ['1,"id":"forged"', "", "{"]) {
    const error = await assertRejects(() => publish("structured", returned(forged)), WarrenError) as WarrenError;
    assertEquals(error.code, "refused");
    assertStringIncludes(error.message, 'function "f" returned no event: the data of the event is not json');
  }
  // In binary mode the data is bytes, whatever they are.
  assertEquals((await publish("binary", returned("{"))).length, 1);
});

Deno.test("a result beyond the limit is not made into an event", async () => {
  const error = await assertRejects(() => publish("structured", returned(`"${"x".repeat(1_000)}"`)), WarrenError);
  assertEquals((error as WarrenError).code, "tooLarge");
});

Deno.test("an answer has the correlation id that was asked with, also where that is no text", async () => {
  const bytes = Uint8Array.of(0x06, 0, 4, 0xff, 0, 0xfe, 1, 1, "q".charCodeAt(0));
  const properties = readProperties({ bytes, view: new DataView(bytes.buffer) }, 0, bytes.length);
  const definition = resolveFunctionConfig({}, { name: "f", file: "/f.ts", version: "1" });
  const invocation = { ...invocationOf(null), properties };
  const published: OutgoingMessage[] = [];

  await left(noting(published), { definition, invocation, delivery: { live: true } }, { kind: "completed" });

  patchClient();
  const view = new AMQPView(new ArrayBuffer(1_000));
  const parts = rawParts(new Uint8Array(view.buffer, 0, writeProperties(view, 0, published[0].properties)));
  assertEquals([published[0].routingKey, parts.correlationId, parts.replyTo], ["q", "ff00fe01", undefined]);
});

/** An invocation of a function that publishes where it likes, and whose caller waits for an answer or not. */
function handledOf(replyTo?: string): Handled {
  const definition = resolveFunctionConfig({ publish: true }, { name: "f", file: "/f.ts", version: "1" });
  const invocation = { ...invocationOf(null), properties: { messageId: "m", replyTo } };
  return { definition, invocation, delivery: { live: true } };
}

function publication(routingKey: string): Publication {
  return { exchange: "", routingKey, body: new Uint8Array(1), properties: {}, headers: {}, delay: 0 };
}

/** A broker that says of each message what the test says, when it says so. */
class Sent {
  readonly all: { message: OutgoingMessage; end(error?: WarrenError): void }[] = [];
  readonly send: OutputsOptions["publisher"]["send"] = (message, _options, sink) => {
    this.all.push({ message, end: (error) => sink.published(message, error) });
    return true;
  };

  get keys(): string[] {
    return this.all.map(({ message: { routingKey } }) => routingKey);
  }
}

Deno.test("outputs leave within the turn, and the answer once all of them are confirmed", () => {
  const sent = new Sent();
  const outputs = [publication("a"), publication("b")];
  const ended: unknown[] = [];
  noting([], undefined, sent.send).publish(
    handledOf("caller"),
    { kind: "completed", outputs },
    (...end) => ended.push(end),
    "row",
  );
  assertEquals(sent.keys, ["a", "b"]);
  sent.all[1].end();
  sent.all[0].end();
  assertEquals([sent.keys, ended], [["a", "b", "caller"], []]);
  sent.all[2].end();
  assertEquals(ended, [[undefined, "row", ["m/0", "m/1"]]]);
});

Deno.test("an output that nobody takes is the end at once, and there is no answer", () => {
  const sent = new Sent();
  const outputs = [publication("a"), publication("b")];
  const ended: unknown[] = [];
  noting([], undefined, sent.send).publish(
    handledOf("caller"),
    { kind: "completed", outputs },
    (error) => ended.push(error),
    0,
  );
  const error = new WarrenError("unroutable", "no such queue");
  sent.all[1].end(error);
  sent.all[0].end();
  assertEquals([ended, sent.keys], [[error], ["a", "b"]]);
});

Deno.test("an output that the broker does not confirm is published again until it is", async () => {
  const sent = new Sent();
  const again: OutgoingMessage[] = [];
  const published = left(noting(again, undefined, sent.send), handledOf(), {
    kind: "completed",
    outputs: [publication("a")],
  });
  sent.all[0].end(new WarrenError("unavailable", "the connection is lost"));
  await published;
  assertEquals([again.map(({ routingKey }) => routingKey), again[0].properties.messageId], [["a"], "m/0"]);
});

Deno.test("an answer that nobody takes is no failure", () => {
  const sent = new Sent();
  const ended: unknown[] = [];
  noting([], undefined, sent.send).publish(handledOf("gone"), { kind: "completed" }, (error) => ended.push(error), 0);
  sent.all[0].end(new WarrenError("refused", "no such queue"));
  assertEquals(ended, [undefined]);
});

Deno.test("an output names the message that gave rise to it, whatever headers the handler passes on", async () => {
  const published: OutgoingMessage[] = [];
  const definition = resolveFunctionConfig({}, { name: "f", file: "/f.ts", version: "1" });
  const output = { exchange: "", routingKey: "q", body: new Uint8Array(), properties: {}, delay: 0 };
  const outputs = [{ ...output, headers: { "warren-parent": "grandparent", tenant: "a" } }];
  const handle = (messageId: string | undefined) => {
    const invocation = { ...invocationOf(null), properties: { messageId } };
    return left(noting(published), { definition, invocation, delivery: { live: true } }, {
      kind: "completed",
      outputs,
    });
  };
  assertEquals(await handle("m"), ["m/0"]);
  const [id] = await handle(undefined);
  assertEquals(published.map(({ properties }) => properties?.headers), [
    { "warren-parent": "m", tenant: "a" },
    { tenant: "a" },
  ]);
  assertEquals(published.map(({ properties }) => properties?.messageId), ["m/0", id]);
});

Deno.test("an answer to a caller of this runner is handed over, and others are published", async () => {
  const definition = resolveFunctionConfig({}, { name: "f", file: "/f.ts", version: "1" });
  const [published, taken]: OutgoingMessage[][] = [[], []];
  const outputs = noting(published, (answer) => answer.routingKey === "here" && taken.push(answer) > 0);
  for (const replyTo of ["here", "elsewhere"]) {
    const invocation = { ...invocationOf(null), properties: { replyTo, correlationId: replyTo } };
    const handled = { definition, invocation, delivery: { live: true } };
    await left(outputs, handled, { kind: "completed", result: returned("{}") });
  }

  const keys = (messages: OutgoingMessage[]) => messages.map(({ properties }) => properties.correlationId);
  assertEquals([keys(taken), keys(published)], [["here"], ["elsewhere"]]);
});
