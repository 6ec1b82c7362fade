import { assertEquals, assertThrows } from "@std/assert";
import { parseArguments } from "../../bench/arguments.ts";

Deno.test("the command line names benchmarks, and has options with their values beside or after them", () => {
  assertEquals(parseArguments([]), { names: [], args: {} });
  assertEquals(parseArguments(["soak", "--minutes", "2.5", "start"]), {
    names: ["soak", "start"],
    args: { minutes: 2.5 },
  });
  assertEquals(parseArguments(["rivals", "--rounds=5", "--only", "amqplib,bullmq", "--load=output"]), {
    names: ["rivals"],
    args: { rounds: 5, only: ["amqplib", "bullmq"], loads: ["output"] },
  });
});

Deno.test("an option that is unknown, has no value or a wrong one is an error that names it", () => {
  const refused = (...words: string[]) => assertThrows(() => parseArguments(words), Error).message;

  assertEquals(refused("--loud"), 'unknown option "--loud"; there are --minutes, --rounds, --only, --load');
  assertEquals(refused("--minutes"), "--minutes needs a value");
  assertEquals(refused("--rounds", "0"), '--rounds is "0"; expected a number above 0');
});
