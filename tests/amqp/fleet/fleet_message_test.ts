import { assert, assertEquals } from "@std/assert";
import { decodeMessage, encodeMessage, type FleetMessage, MOST_BYTES } from "../../../lib/amqp/fleet/fleet_message.ts";
import { Random } from "../../broker/random.ts";
import { settled } from "../../serving/fake_timers.ts";
import { announced, FakeExchange } from "./fake_fleet.ts";

const RUNNER = {
  id: "1",
  name: "one",
  host: "h",
  version: "1",
  startedAt: 5,
  functions: [announced("a", { detail: "why", newest: 7 })],
  heldBack: [{ queue: "a", delay: 1_000, count: 2 }],
};
const MESSAGES: FleetMessage[] = [
  { kind: "hello", runner: RUNNER, replyTo: "q" },
  { kind: "here", runner: RUNNER },
  { kind: "alive", id: "1" },
  { kind: "goodbye", id: "1" },
  { kind: "question", id: "1", about: "2", replyTo: "q", question: "how", payload: { a: [1] } },
  { kind: "answer", id: "1", name: "one", about: "2", value: [1], leftOut: 3 },
  { kind: "answer", id: "1", name: "one", about: "2", value: null, error: "no" },
];

/** Without members that are undefined. */
const plain = (value: unknown) => JSON.parse(JSON.stringify(value));
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("what runners say arrives as it was said", () => {
  for (const message of MESSAGES) assertEquals(plain(decodeMessage(encodeMessage(message))), plain(message));
});

Deno.test("what is no such message is none", () => {
  const wrong = [
    "",
    "[]",
    "null",
    "{",
    '"hello"',
    '{"kind":"unheard"}',
    '{"kind":"alive"}',
    '{"kind":"alive","id":7}',
    `{"kind":"alive","id":"${"x".repeat(2_000)}"}`,
    '{"kind":"here","runner":[]}',
    JSON.stringify({ kind: "here", runner: { ...RUNNER, functions: [{ ...announced("a"), running: "many" }] } }),
    JSON.stringify({ kind: "here", runner: { ...RUNNER, functions: Array(6_000).fill(announced("a")) } }),
    JSON.stringify({ kind: "here", runner: { ...RUNNER, heldBack: [{ queue: "a", delay: 1_000, count: "2" }] } }),
    JSON.stringify({ kind: "here", runner: { ...RUNNER, heldBack: Array(1_001).fill(RUNNER.heldBack[0]) } }),
    JSON.stringify({ kind: "question", id: "1", about: "2", question: "how" }),
    "[".repeat(200_000),
  ];
  for (const text of wrong) assertEquals(decodeMessage(bytes(text)), undefined, text.slice(0, 60));
  assertEquals(decodeMessage(new Uint8Array([0xff, 0xfe])), undefined);
  assertEquals(decodeMessage(new Uint8Array(MOST_BYTES + 1)), undefined);
});

Deno.test("members that nobody knows are dropped, also those that are no own ones", () => {
  const text =
    `{"kind":"here","runner":{"__proto__":{"x":1},"id":"1","name":"one","host":"h","version":"1","startedAt":5,` +
    `"functions":[{"name":"a","state":"serving","running":0,"perMinute":0,"failedPerMinute":0,"secret":1}]}}`;
  const decoded = decodeMessage(bytes(text));
  assert(decoded?.kind === "here");
  assertEquals(Object.keys(decoded.runner.functions[0]).includes("secret"), false);
  assertEquals(Object.keys(decoded.runner).length, 6);
});

/** Texts with some characters changed, and objects with some members replaced. */
function mangled(random: Random): Uint8Array {
  const message = random.pick(MESSAGES);
  if (random.between(0, 1) === 0) {
    const body = encodeMessage(message);
    for (let change = random.between(1, 4); change > 0; change--) {
      body[random.between(0, body.length - 1)] = random.between(0, 255);
    }
    return body;
  }
  const values = [null, -1, 1e308, "", [], {}, [[]], true, "x".repeat(1_025), { length: 1e9 }, "\u0000", "constructor"];
  const change = (value: unknown): unknown => {
    if (random.between(0, 5) === 0) return random.pick(values);
    if (Array.isArray(value)) return value.map(change);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, change(each)]));
  };
  return bytes(JSON.stringify(change(message)));
}

Deno.test("no garbage disturbs a runner: it throws nothing, remembers little and still hears the others", async () => {
  const exchange = new FakeExchange();
  const [one, two] = [exchange.join("one"), exchange.join("two")];
  for (const { fleet } of [one, two]) fleet.answer("how", () => "well");
  await exchange.timers.pass(1_000);
  const random = new Random(15);
  for (let round = 0; round < 20_000; round++) one.fleet.received(mangled(random));
  for (let index = 0; index < 5_000; index++) {
    one.fleet.received(encodeMessage({ kind: "hello", runner: { ...RUNNER, id: `${index}` }, replyTo: "nobody" }));
  }
  await exchange.timers.pass(1_000);
  await exchange.timers.pass(10_000);
  const newcomer = exchange.join("three");
  await exchange.timers.pass(1_000);
  const runners = one.fleet.runners();
  assert(runners.some(({ name }) => name === newcomer.name), "a newcomer finds no room");
  newcomer.fleet.stop();
  await settled();
  assert(runners.length <= 502, `${runners.length} runners are remembered`);
  assert(runners.some(({ name }) => name === "two"));
  const { answers } = await one.asked("how");
  assertEquals(answers.map(({ runner }) => runner), ["one", "two"]);
});
