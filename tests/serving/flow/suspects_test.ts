import { assertEquals } from "@std/assert";
import { crashLoop, isSuspect, type Suspect, Suspects } from "../../../lib/serving/flow/suspects.ts";
import { eventually } from "../../support/eventually.ts";

/** A desk that decides at once, and suspects who say what they are told. */
function desk() {
  const said: string[] = [];
  const suspects = new Suspects(0);
  const make = (name: string, returns: number, setAside = false, options: Partial<Suspect> = {}): Suspect => ({
    owner: "function",
    invocation: { returns, setAside },
    start: () => void said.push(`${name} starts`),
    giveBack: () => void said.push(`${name} goes back`),
    setAside: () => Promise.resolve(said.push(`${name} aside`) > 0),
    ...options,
  });
  const until = (count: number) => eventually(() => said.length >= count, { what: `${count} lines: ${said}` });
  return { said, suspects, make, until };
}

Deno.test("one return is an accident, two are a suspicion, which stays with a copy, and five are enough", () => {
  const suspicious = (returns: number, setAside: boolean) => isSuspect({ returns, setAside });
  assertEquals([suspicious(0, false), suspicious(1, false), suspicious(2, false), suspicious(0, true)], [
    false,
    false,
    true,
    true,
  ]);
  assertEquals(crashLoop({ returns: 4 }), undefined);
  assertEquals(crashLoop({ returns: 5 }), {
    type: "CrashLoop",
    message: "its runner ended 5 times while it had the message",
  });
});

Deno.test("the suspect with the highest count starts, and not before the others are set aside", async () => {
  const { said, suspects, make, until } = desk();
  const moved = Promise.withResolvers<boolean>();
  suspects.add(make("a", 2, false, { setAside: () => moved.promise.finally(() => said.push("a aside")) }));
  suspects.add(make("b", 3));
  suspects.add(make("c", 2));
  await until(1);
  assertEquals(said, ["c aside"]);
  moved.resolve(true);
  await until(3);
  assertEquals(said, ["c aside", "a aside", "b starts"]);
});

Deno.test("who was set aside before comes before a new suspect, whatever order they are in", async () => {
  const { said, suspects, make, until } = desk();
  suspects.add(make("new", 2));
  suspects.add(make("known", 1, true));
  await until(2);
  assertEquals(said, ["new aside", "known starts"]);
});

Deno.test("while one runs, a suspect with a count is set aside, and one without waits for its end", async () => {
  const { said, suspects, make, until } = desk();
  const running = make("running", 2);
  suspects.add(running);
  await until(1);
  suspects.add(make("counted", 2));
  suspects.add(make("copy", 0, true));
  await until(2);
  assertEquals(said, ["running starts", "counted aside"]);
  suspects.leave(running);
  await until(3);
  assertEquals(said[2], "copy starts");
});

Deno.test("who cannot be set aside waits", async () => {
  const { said, suspects, make, until } = desk();
  const running = make("running", 3);
  suspects.add(running);
  suspects.add(make("stuck", 2, false, { setAside: () => Promise.resolve(false) }));
  await until(1);
  assertEquals(said, ["running starts"]);
  suspects.leave(running);
  await until(2);
  assertEquals(said[1], "stuck starts");
});

Deno.test("a function that takes no more messages gets its own back, and another's go on", async () => {
  const { said, suspects, make, until } = desk();
  suspects.add(make("own", 2));
  suspects.add(make("other", 2, false, { owner: "another function" }));
  suspects.withdraw("function");
  await until(2);
  assertEquals(said, ["own goes back", "other starts"]);
});
