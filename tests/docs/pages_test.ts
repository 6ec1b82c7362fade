import { assert, assertEquals } from "@std/assert";
import deno from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);
const PAGES = ["README.md", "CONTRIBUTING.md", "bench/README.md", ...pagesOf("docs")];

function pagesOf(folder: string): string[] {
  const names = [...Deno.readDirSync(new URL(`${folder}/`, ROOT))].map(({ name }) => name);
  return names.filter((name) => name.endsWith(".md")).map((name) => `${folder}/${name}`);
}

const texts = new Map(PAGES.map((page) => [page, Deno.readTextFileSync(new URL(page, ROOT))]));

/** The anchors that a page's headings have, as GitHub makes them. */
function anchorsOf(text: string): Set<string> {
  const headings = text.match(/^#+ .*$/gm) ?? [];
  const slug = (heading: string) =>
    heading.replace(/^#+ /, "").replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
  return new Set(headings.map(slug));
}

Deno.test("every link of the pages leads somewhere, its anchor too", async () => {
  const broken: string[] = [];
  for (const [page, text] of texts) {
    for (const [, target] of text.matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)) {
      const [path, anchor] = target.split("#");
      const url = new URL(path === "" ? page.split("/").at(-1)! : path, new URL(page, ROOT));
      const there = await Deno.readTextFile(url).catch((error) =>
        error instanceof Deno.errors.NotFound ? undefined : ""
      );
      const hasAnchor = anchor === undefined || there === undefined || !url.pathname.endsWith(".md") ||
        anchorsOf(there).has(anchor);
      if (there === undefined || !hasAnchor) broken.push(`${page}: ${target}`);
    }
  }
  assertEquals(broken, []);
});

Deno.test("every task that the pages name is there", () => {
  const unknown: string[] = [];
  for (const [page, text] of texts) {
    for (const [, task] of text.matchAll(/deno(?:@2)? task ([a-z][\w:-]*\w)/g)) {
      if (!Object.hasOwn(deno.tasks, task)) unknown.push(`${page}: deno task ${task}`);
    }
  }
  assertEquals(unknown, []);
});

Deno.test("a block of code that is not run says why on the line above it", () => {
  const silent: string[] = [];
  let run = 0;
  for (const [page, text] of texts) {
    const lines = text.split("\n");
    for (const [index, line] of lines.entries()) {
      if (/^```ts$/.test(line)) run++;
      if (/^```ts\b.*\bignore\b/.test(line) && !/^<!-- Not run: .+ -->$/.test(lines[index - 2] ?? "")) {
        silent.push(`${page}:${index + 1}`);
      }
    }
  }
  assert(run > 5, "no block is run");
  assertEquals(silent, []);
});
