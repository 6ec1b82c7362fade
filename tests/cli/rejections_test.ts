import { assertEquals, assertMatch } from "@std/assert";
import { AMQPError } from "@cloudamqp/amqp-client";
import { ignoreConnectionLoss, logUnhandled } from "../../lib/cli/rejections.ts";
import { WarrenError } from "../../lib/base/errors.ts";
import { Logger } from "../../lib/base/log.ts";

const LOSSES = [
  new AMQPError("Channel is closed", {} as ConstructorParameters<typeof AMQPError>[1]),
  new WarrenError("unavailable", "the broker was silent"),
  Object.assign(new Error("write EPIPE"), { code: "EPIPE" }),
];
const FAULTS = [new TypeError("x is undefined"), new WarrenError("refused", "no"), "a text", undefined];

/** Whether somebody took care of a rejection that nobody awaits. */
function handled(reason: unknown): boolean {
  const event = new PromiseRejectionEvent("unhandledrejection", {
    promise: Promise.resolve(),
    reason,
    cancelable: true,
  });
  globalThis.dispatchEvent(event);
  return event.defaultPrevented;
}

Deno.test("dead ignores what a lost connection leaves behind, and no other rejection", () => {
  using _ignored = ignoreConnectionLoss();
  assertEquals(LOSSES.map(handled), [true, true, true]);
  assertEquals(FAULTS.map(handled), [false, false, false, false]);
});

Deno.test("what was ignored is not ignored any more once the command is over", () => {
  ignoreConnectionLoss()[Symbol.dispose]();
  assertEquals(handled(LOSSES[1]), false);
});

Deno.test("a runner logs what nobody handles as one entry, with its stack where it is a fault", () => {
  const lines: Record<string, unknown>[] = [];
  const log = new Logger({ write: (line) => lines.push(JSON.parse(line)) });
  let ended = 0;
  using _logged = logUnhandled(log, () => ended++);
  assertEquals([handled(LOSSES[0]), handled(FAULTS[0])], [true, true]);
  const event = new ErrorEvent("error", { error: new RangeError("too far"), cancelable: true });
  globalThis.dispatchEvent(event);
  assertEquals(
    lines.map(({ level, message, stack }) => [level, message, typeof stack]),
    [
      ["warn", "unhandled rejection: Channel is closed", "undefined"],
      ["error", "unhandled rejection: x is undefined", "string"],
      [
        "error",
        "uncaught RangeError: too far; the runner ends; unsettled messages are delivered again",
        "string",
      ],
    ],
  );
  assertMatch(String(lines[2].stack), /rejections_test\.ts/);
  assertEquals([event.defaultPrevented, ended], [true, 1]);
});
