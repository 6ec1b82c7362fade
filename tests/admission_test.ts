import { assertEquals } from "@std/assert";
import { Admission } from "../lib/admission.ts";

function applicant(name: string, said: string[]) {
  return { start: () => void said.push(`${name} starts`), giveBack: () => void said.push(`${name} goes back`) };
}

Deno.test("as many start as may run at once, and the others in their order", () => {
  const said: string[] = [];
  const admission = new Admission(2, undefined);
  for (const name of ["a", "b", "c", "d"]) admission.apply(applicant(name, said));
  assertEquals(said, ["a starts", "b starts"]);
  admission.leave();
  assertEquals(said.slice(2), ["c starts"]);
  admission.become(3, undefined);
  assertEquals(said.slice(3), ["d starts"]);
  assertEquals(admission.running, 3);
});

Deno.test("once closed, who waits and who comes goes back, until it opens again", () => {
  const said: string[] = [];
  const admission = new Admission(1, undefined);
  for (const name of ["a", "b"]) admission.apply(applicant(name, said));
  admission.close();
  admission.apply(applicant("c", said));
  assertEquals(said, ["a starts", "b goes back", "c goes back"]);
  admission.leave();
  admission.reopen();
  admission.apply(applicant("d", said));
  assertEquals(said.at(-1), "d starts");
});
