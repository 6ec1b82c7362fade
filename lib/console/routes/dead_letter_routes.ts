import { type Context, Hono } from "hono";
import { describeError, WarrenError } from "../../base/errors.ts";
import { functionOf } from "../../http/functions.ts";
import { asTheirs, Problem } from "../../http/problem.ts";
import { nameAndValue, readRate } from "../../invocation/dead_letters/dead_letter_filter.ts";
import type { DeadLetterFilter } from "../../invocation/dead_letters/dead_letter_filter.ts";
import { filterOf, lookAt, readDeadLetterSearch } from "../dead_letter_search.ts";
import { deadLetterPage } from "../pages/dead_letter.tsx";
import { deadLettersFragments, deadLettersIndex, deadLettersPage } from "../pages/dead_letters.tsx";
import { BASE, paths } from "../paths.ts";
import { assertTyped, formOf, html, seeOther, type Site, textOf } from "../site.ts";

const PAGE = `${paths.deadLetters}/:name`;
const LIVE = `${BASE}/live/dead/:name`;

/** `/console/dead`: what failed for good, and the way back. */
export function deadLetterRoutes(site: Site): Hono {
  const { runner, operator, streams, place, jobs, maxBody } = site;
  const boxOf = (context: Context) => {
    const { name } = functionOf(runner, context);
    return { name, box: runner.deadLetters(name) };
  };
  const jobsOf = (queue: string) => jobs.all().filter(({ work }) => work.split(" ").includes(queue));
  return new Hono()
    .get(paths.deadLetters, async () => html(deadLettersIndex({ place, depths: await operator.depths() })))
    .get(PAGE, async (context) => {
      const { name, box } = boxOf(context);
      const search = readDeadLetterSearch((field) => context.req.query(field));
      const found = await lookAt(box, theirs(() => filterOf(search)), { signal: context.req.raw.signal });
      const live = LIVE.replace(":name", encodeURIComponent(name));
      return html(deadLettersPage({ place, name, queue: box.queue, search, found, jobs: jobsOf(box.queue), live }));
    })
    .get(LIVE, (context) => {
      const { name, box } = boxOf(context);
      const key = LIVE.replace(":name", encodeURIComponent(name));
      return streams.stream(context, key, () => Promise.resolve(deadLettersFragments(name, jobsOf(box.queue))));
    })
    .post(`${PAGE}/redrive`, async (context) => {
      const { name, box } = boxOf(context);
      const form = await formOf(context, maxBody);
      const rate = (form.get("rate") ?? "").trim();
      const options = theirs(() => ({
        filter: chosen(form),
        rate: rate === "" ? undefined : readRate("rate", rate),
        dryRun: form.get("dryRun") === "true",
      }));
      const work = `${options.dryRun ? "count" : "redrive"} ${box.queue}`;
      jobs.start(work, (signal, onProgress) => box.redrive({ ...options, signal, onProgress }));
      return seeOther(paths.dead(name));
    })
    .post(`${PAGE}/purge`, async (context) => {
      const { name, box } = boxOf(context);
      assertTyped(await formOf(context, maxBody), box.queue);
      const filter = theirs(() => filterOf(readDeadLetterSearch((field) => context.req.query(field))));
      jobs.start(`purge ${box.queue}`, (signal, onProgress) => box.purge({ filter, signal, onProgress }));
      return seeOther(paths.dead(name));
    })
    .post(`${PAGE}/stop`, async (context) => {
      const { name } = boxOf(context);
      jobs.find((await formOf(context, maxBody)).get("job") ?? "").stop.abort();
      return seeOther(paths.dead(name));
    })
    .get(`${PAGE}/letter`, async (context) => {
      const { name, box } = boxOf(context);
      const letter = await box.find(context.req.query("id") ?? "", { signal: context.req.raw.signal });
      return html(await deadLetterPage({ place, name, letter }));
    })
    .post(`${PAGE}/edit`, async (context) => {
      const { name, box } = boxOf(context);
      const id = context.req.query("id") ?? "";
      const form = await formOf(context, maxBody);
      const typed = {
        body: textOf(form, "body"),
        contentType: textOf(form, "contentType").trim(),
        headers: textOf(form, "headers"),
      };
      try {
        await box.edit(id, {
          body: new TextEncoder().encode(typed.body),
          contentType: typed.contentType || undefined,
          headers: changedHeaders(typed.headers),
        });
        return seeOther(paths.message(id));
      } catch (error) {
        if (!(error instanceof WarrenError) || error.code === "missing") throw error;
        const letter = await box.find(id);
        return html(
          await deadLetterPage({ place, name, letter, typed: { ...typed, error: describeError(error) } }),
          422,
        );
      }
    })
    .post(`${PAGE}/delete`, async (context) => {
      const { name, box } = boxOf(context);
      const id = context.req.query("id") ?? "";
      if ((await formOf(context, maxBody)).get("confirm") !== "yes" || id === "") {
        throw new Problem(422, "Not Confirmed", "tick the box to delete the message; nothing was deleted");
      }
      await box.purge({ filter: { id } });
      return seeOther(paths.dead(name));
    });
}

/** Those that were ticked, or all that fit the filter of the page. */
function chosen(form: URLSearchParams): DeadLetterFilter {
  if (form.get("scope") !== "selected") return filterOf(readDeadLetterSearch((field) => form.get(field) ?? undefined));
  const ids = form.getAll("selected").filter((id) => id !== "");
  if (ids.length === 0) throw new WarrenError("config", "no message is selected; nothing was sent");
  return { ids };
}

/** @throws {WarrenError} `config` for a line that is neither `name=value` nor `-name` */
function changedHeaders(text: string): Record<string, string | null> {
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  return Object.fromEntries(lines.map((line) => line.startsWith("-") ? [line.slice(1), null] : nameAndValue(line)));
}

/** @throws {Problem} 400 for what was typed wrong */
function theirs<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    asTheirs(error);
  }
}
