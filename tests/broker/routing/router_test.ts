import { assertEquals, assertThrows } from "@std/assert";
import { AmqpError } from "../../../lib/broker/protocol/amqp_error.ts";
import type { PropertiesInput } from "../../support/amqp/raw_codec.ts";
import { makeMessage } from "../messages.ts";
import { Host } from "../virtual_host.ts";

function routed(host: Host, exchange: string, routingKey = "", properties: PropertiesInput = {}): string[] {
  const queues = host.vhost.router.route(makeMessage("", properties, { exchange, routingKey }));
  return queues.map(({ name }) => name).sort();
}

Deno.test("the default exchange leads to the queue of the name, and nowhere else", () => {
  using host = new Host();
  host.queue("q");
  assertEquals([routed(host, "", "q"), routed(host, "", "other"), routed(host, "gone", "q")], [["q"], [], []]);
});

Deno.test("exchanges lead on to exchanges, also in a circle, and to each queue once", () => {
  using host = new Host();
  for (const name of ["a", "b", "c"]) host.exchange(name, "fanout");
  for (const name of ["1", "2"]) host.queue(name);
  for (const [source, to] of [["a", "b"], ["b", "c"], ["c", "a"], ["a", "1"], ["b", "1"], ["c", "1"], ["c", "2"]]) {
    host.bind(source, to);
  }
  for (const start of ["a", "b", "c"]) assertEquals(routed(host, start), ["1", "2"]);
});

Deno.test("what no binding takes goes to the alternate exchange, and on to that one's", () => {
  using host = new Host();
  host.queue("q");
  host.queue("last");
  host.exchange("first", "direct", { "alternate-exchange": "second" });
  host.exchange("second", "direct", { "alternate-exchange": "first" });
  host.bind("second", "q", "k");
  assertEquals([routed(host, "first", "k"), routed(host, "first", "other")], [["q"], []]);
  host.exchange("dead end", "direct", { "alternate-exchange": "not there" });
  assertEquals(routed(host, "dead end", "k"), []);
});

Deno.test("CC and BCC are more keys, and must be lists", () => {
  using host = new Host();
  for (const name of ["1", "2", "3"]) host.queue(name);
  assertEquals(routed(host, "", "1", { headers: { CC: ["2", 5], BCC: ["3", "2"] } }), ["1", "2", "3"]);
  assertEquals(routed(host, "", "nowhere", { headers: { CC: ["2"] } }), ["2"]);
  assertEquals(routed(host, "", "1", { headers: { cc: "CC" } }), ["1"]);
  const error = assertThrows(() => routed(host, "", "1", { headers: { CC: "2" } }), AmqpError);
  assertEquals(error.code, 406);
});

Deno.test("a route is what it is now, whatever it was for the same address before", () => {
  using host = new Host();
  host.exchange("x", "topic");
  host.queue("q");
  const message = makeMessage("", {}, { exchange: "x", routingKey: "a.b" });
  const names = () => host.vhost.router.route(message).map(({ name }) => name);
  assertEquals(names(), []);
  host.bind("x", "q", "a.*");
  assertEquals(names(), ["q"]);
  host.unbind("x", "q", "a.*");
  assertEquals(names(), []);
  host.bind("x", "q", "#");
  assertEquals(names(), ["q"]);
  host.vhost.deleteQueue(host.vhost.queue("q")!);
  assertEquals(names(), []);
  host.queue("q");
  assertEquals(names(), []);
});

Deno.test("messages of one address with other headers have other routes", () => {
  using host = new Host();
  host.exchange("x", "headers");
  host.queue("q");
  host.bind("x", "q", "", { a: 1 });
  const [with1, with2] = [1, 2].map((a) => makeMessage("", { headers: { a } }, { exchange: "x", routingKey: "" }));
  const same = [with1, with2, with1].map((message) => host.vhost.router.route(message).length);
  assertEquals(same, [1, 0, 1]);
});
