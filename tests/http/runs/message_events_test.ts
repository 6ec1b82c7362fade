import { assert, assertEquals } from "@std/assert";
import { WarrenError } from "../../../lib/base/errors.ts";
import type { HttpEndpoint } from "../../../lib/invocation/definition/http_endpoint.ts";
import type { MessageEvent, MessageEvents } from "../../../lib/invocation/insight/message_event.ts";
import { fakeApi, type FakeApiOptions, problemOf } from "../fake_runner.ts";

const SHOP = "https://shop.example.com";

/** What is followed, and what there is to see of each message. */
function following(...events: MessageEvent[]) {
  const asked: { id: string; name: string | undefined; signal: AbortSignal }[] = [];
  const messages: MessageEvents = {
    follow(id, { function: name, signal }) {
      if (id === "one too many") throw new WarrenError("unavailable", "too many");
      asked.push({ id, name, signal });
      return (async function* () {
        yield* events;
        if (events.length === 0) await new Promise((over) => signal.addEventListener("abort", over));
      })();
    },
  };
  return { messages, asked };
}

function apiWith(http: Partial<HttpEndpoint>, options: FakeApiOptions) {
  const api = fakeApi(options);
  const defaults = { path: "/pay", methods: ["POST"], public: true, headers: [], origins: [SHOP], maxBody: 0 };
  api.runner.views[0] = { ...api.runner.views[0], name: "pay", http: { events: true, ...defaults, ...http } };
  return api;
}

Deno.test("the events of a message are a stream that ends with the last one", async () => {
  const done = { kind: "done", function: "pay", attempt: 1, result: 7 } as const;
  const { messages, asked } = following({ kind: "queued" }, done);
  const { ask } = fakeApi({ messages });
  const response = await ask("/messages/orders%2F1/events?function=pay");
  assertEquals([response.status, response.headers.get("content-type")], [200, "text/event-stream"]);
  assertEquals(
    await response.text(),
    'event: queued\ndata: {}\n\nevent: done\ndata: {"function":"pay","attempt":1,"result":7}\n\n',
  );
  assertEquals(asked.map(({ id, name }) => [id, name]), [["orders/1", "pay"]]);
});

Deno.test("a client that leaves and a runner that stops end the following", async () => {
  const { messages, asked } = following();
  const closing = new AbortController();
  const { ask } = fakeApi({ messages, closing: closing.signal });
  const [first, second] = [await ask("/messages/a/events"), await ask("/messages/b/events")];
  await first.body!.cancel();
  assertEquals(asked.map(({ signal }) => signal.aborted), [true, false]);
  closing.abort();
  assert(asked[1].signal.aborted);
  await second.body!.cancel();
});

Deno.test("an id that no message has is 400, and one stream too many is 503", async () => {
  const { messages } = following();
  const { ask } = fakeApi({ messages });
  for (const id of ["x".repeat(256), "%FF"]) assertEquals((await ask(`/messages/${id}/events`)).status, 400);
  const response = await ask("/messages/one%20too%20many/events");
  assertEquals([response.status, (await problemOf(response)).detail], [503, "too many"]);
});

Deno.test("following needs a token, unless the function lets pages without one follow its messages", async () => {
  const { messages, asked } = following({ kind: "queued" });
  const from = async (http: Partial<HttpEndpoint>, path: string, headers: Record<string, string> = {}) => {
    const { ask } = apiWith(http, { messages, token: "t0ken" });
    const response = await ask(path, { headers });
    await response.text();
    return [response.status, response.headers.get("access-control-allow-origin")];
  };
  const own = "/messages/m/events?function=pay";
  assertEquals(await from({}, own, { origin: SHOP }), [200, SHOP]);
  assertEquals(await from({}, own, { origin: "https://elsewhere.example" }), [200, null]);
  assertEquals(asked.map(({ name }) => name), ["pay", "pay"]);
  assertEquals(await from({}, "/messages/m/events", { origin: SHOP }), [401, null]);
  assertEquals(await from({}, "/messages/m/events?function=other", { origin: SHOP }), [401, null]);
  assertEquals(await from({ events: false }, own, { origin: SHOP }), [401, null]);
  assertEquals(await from({ public: false }, own, { origin: SHOP }), [401, SHOP]);
  const authorization = "Bearer t0ken";
  assertEquals(await from({ public: false }, own, { origin: SHOP, authorization }), [200, SHOP]);
  assertEquals(asked.length, 3);
});
