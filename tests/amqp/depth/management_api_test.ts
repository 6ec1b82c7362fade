import { assertEquals, assertRejects } from "@std/assert";
import { ManagementApi } from "../../../lib/amqp/depth/management_api.ts";
import { WarrenError } from "../../../lib/base/errors.ts";
import { managementOptions } from "../../../lib/settings/config.ts";

/** A management API with so many queues, on a port of its own. */
function serve(queues: number) {
  const asked: { path: string; authorization: string | null }[] = [];
  const all = Array.from({ length: queues }, (_, at) => ({ name: `q${at}`, messages_ready: at }));
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { pathname, search, searchParams } = new URL(request.url);
    asked.push({ path: pathname + search, authorization: request.headers.get("authorization") });
    if (pathname === "/proxied/api/overview") return new Response("no", { status: 401 });
    const page = Number(searchParams.get("page"));
    if (page === 0) {
      const found = all.find(({ name }) => pathname.endsWith(`/${name}`));
      return Response.json(found ?? { error: "Object Not Found" }, { status: found ? 200 : 404 });
    }
    const size = Number(searchParams.get("page_size"));
    return Response.json({ items: all.slice((page - 1) * size, page * size), page_count: Math.ceil(queues / size) });
  });
  return {
    asked,
    url: `http://app:p%40ss@127.0.0.1:${server.addr.port}/proxied/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("a few queues are asked for by name, and one that is not there is left out", async () => {
  await using server = serve(3);
  const api = new ManagementApi({ url: server.url, vhost: "team/one" });
  const found = await api.queues(["q1", "q9"]);
  assertEquals([...found.values()], [{ name: "q1", messages_ready: 1 }]);
  assertEquals(server.asked[0], {
    path: "/proxied/api/queues/team%2Fone/q1",
    authorization: `Basic ${btoa("app:p@ss")}`,
  });
});

Deno.test("many queues are asked for in pages, whatever else is on the broker", async () => {
  await using server = serve(1_200);
  const api = new ManagementApi({ url: server.url, vhost: "/" });
  const found = await api.queues(["q0", "q5", "q600", "q1199", "q5000"]);
  assertEquals([...found.keys()], ["q0", "q5", "q600", "q1199"]);
  assertEquals(server.asked.length, 3);
  assertEquals((await api.names()).length, 1_200);
});

Deno.test("a refusal and a server that is not there are errors that show no password", async () => {
  await using server = serve(0);
  const refused = await assertRejects(
    () => new ManagementApi({ url: server.url, vhost: "/" }).get("/overview"),
    WarrenError,
  );
  assertEquals([refused.code, refused.message.includes("p@ss"), refused.message.includes("p%40ss")], [
    "refused",
    false,
    false,
  ]);
  const gone = new ManagementApi({ url: "http://app:p%40ss@127.0.0.1:1", vhost: "/" });
  const unavailable = await assertRejects(() => gone.get("/overview"), WarrenError);
  assertEquals([unavailable.code, /p(@|%40)ss/.test(unavailable.message)], ["unavailable", false]);
});

Deno.test("the management API is asked about the vhost of AMQP_URL, by its user where the URL names none", () => {
  const url = "http://host:15672";
  const of = (amqpUrl: string[] | undefined, vhost = "/") => managementOptions({ managementUrl: url, amqpUrl, vhost });
  assertEquals(managementOptions({ managementUrl: undefined, amqpUrl: undefined, vhost: "/" }), undefined);
  assertEquals(of(undefined), { url, vhost: "/", login: undefined });
  assertEquals(of(["amqp://app:p%40@host/team%2Fone"]), {
    url,
    vhost: "team/one",
    login: { user: "app", password: "p@" },
  });
  assertEquals(of(["wss://host/ws/amqp"], "shop"), { url, vhost: "shop", login: undefined });
  assertEquals(of(["wss://host/ws/amqp?vhost=other"], "shop")?.vhost, "other");
});
