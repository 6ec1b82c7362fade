/** @jsxImportSource hono/jsx */
// deno-lint-ignore-file jsx-key -- a list is rendered once, on the server
import type { DeadLetter } from "../../invocation/dead_letters/dead_letter.ts";
import type { Depth } from "../../invocation/insight/depth.ts";
import { noOutcomes } from "../../invocation/outcome.ts";
import type { JobView } from "../../http/jobs.ts";
import type { DeadLetterSearch, FoundLetters, LetterKind } from "../dead_letter_search.ts";
import { bytes, count, cut, plural } from "../format.ts";
import { Field, TypedName } from "../parts/form.tsx";
import { type Fragment, fragment, page, type Place, put } from "../parts/layout.tsx";
import { FunctionLink, Time } from "../parts/text.tsx";
import { paths, withQuery } from "../paths.ts";
import { JobList } from "./jobs.tsx";

const REASONS = Object.keys(noOutcomes()).filter((kind) => kind !== "completed");
const MOST_KINDS = 20;

export interface DeadLettersPageProps {
  readonly place: Place;
  readonly name: string;
  readonly queue: string;
  readonly search: DeadLetterSearch;
  readonly found: FoundLetters;
  readonly jobs: readonly JobView[];
  readonly live: string;
}

/** What of the page changes: the dead letters themselves are looked at when somebody asks, since a look holds them. */
export function deadLettersFragments(name: string, jobs: readonly JobView[]): Fragment[] {
  return [fragment("jobs", <JobList jobs={jobs} stop={paths.action(paths.dead(name), "stop")} />)];
}

export function deadLettersPage(props: DeadLettersPageProps): string {
  const { place, name, queue, search, found, jobs, live } = props;
  const { letters, kinds, sweep } = found;
  const path = paths.dead(name);
  return page({
    title: `Dead letters of ${name}`,
    place,
    section: "dead",
    live,
    children: (
      <>
        <p class="crumbs">
          <a href={paths.deadLetters}>Dead letters</a> / <a href={paths.function(name)}>{name}</a>
        </p>
        <h1>Dead letters of {name}</h1>
        <div id="jobs">{deadLettersFragments(name, jobs).map(put)}</div>
        <LetterFilter path={path} search={search} />
        <p class="words" role="status">{foundWords(found, queue)}</p>
        {kinds.length > 0 && <Kinds kinds={kinds} path={path} search={search} />}
        {letters.length > 0 && <Letters name={name} letters={letters} search={search} matched={sweep.matched} />}
        {sweep.matched > 0 && <PurgeForm name={name} queue={queue} search={search} matched={sweep.matched} />}
      </>
    ),
  });
}

function foundWords({ letters, sweep }: FoundLetters, queue: string): string {
  const { depth, looked, matched, stopped } = sweep;
  if (depth === 0) return `${queue} is empty.`;
  const window = looked < depth
    ? `The oldest ${count(looked)} of ${plural(depth, "dead letter")} in ${queue} were looked at${
      stopped === "signal"
        ? ", as many as could be in a few seconds"
        : stopped === "window"
        ? ", as many as fit into memory"
        : ""
    }`
    : `All ${plural(depth, "dead letter")} in ${queue} were looked at`;
  return `${window}; ${count(matched)} ${matched === 1 ? "fits" : "fit"}${
    letters.length < matched ? `, and the oldest ${count(letters.length)} are shown` : ""
  }.`;
}

function LetterFilter({ path, search }: { path: string; search: DeadLetterSearch }) {
  return (
    <form class="filters card" role="search" action={path}>
      <Field id="text" label="Text in id, error, header or body">
        <input id="text" name="text" type="search" value={search.text} aria-keyshortcuts="/" />
      </Field>
      <Field id="reason" label="Reason">
        <select id="reason" name="reason">
          <option value="">any</option>
          {REASONS.map((reason) => <option value={reason} selected={search.reason === reason}>{reason}</option>)}
        </select>
      </Field>
      <Field id="header" label="Header">
        <input id="header" name="header" value={search.header} placeholder="tenant=a" />
      </Field>
      <Field id="olderThan" label="Failed at least">
        <input id="olderThan" name="olderThan" value={search.olderThan} placeholder="1h" size={6} />
      </Field>
      <Field id="newerThan" label="Failed at most">
        <input id="newerThan" name="newerThan" value={search.newerThan} placeholder="1d" size={6} />
      </Field>
      {search.kind !== "" && <input type="hidden" name="kind" value={search.kind} />}
      <button type="submit" class="main">Look</button>
      {Object.values(search).some((value) => value !== "") && <a href={path}>Show all</a>}
    </form>
  );
}

/** The filter of the page in a form that does something with what fits it. */
function SearchFields({ search }: { search: DeadLetterSearch }) {
  return (
    <>
      {Object.entries(search).map(([name, value]) => value !== "" && <input type="hidden" name={name} value={value} />)}
    </>
  );
}

function Kinds({ kinds, path, search }: { kinds: readonly LetterKind[]; path: string; search: DeadLetterSearch }) {
  return (
    <section class="card" aria-labelledby="kinds-title">
      <h2 id="kinds-title">Errors, grouped</h2>
      <ol class="groups">
        {kinds.slice(0, MOST_KINDS).map(({ kind, count: found, first, last }) => (
          <li>
            <p>
              <span class="tag">{count(found)}×</span> {kind}
            </p>
            <div class="row">
              <span class="quiet">
                first <Time at={first?.getTime()} date />, last <Time at={last?.getTime()} date />
              </span>
              <a href={withQuery(path, { ...search, kind })} aria-label={`show only these: ${cut(kind, 80)}`}>
                show only these
              </a>
              <form method="post" action={paths.action(path, "redrive")} class="inline">
                <SearchFields search={{ ...search, kind }} />
                <button type="submit" aria-label={`Send these again: ${cut(kind, 80)}`}>Send these again</button>
              </form>
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}

interface LettersProps {
  readonly name: string;
  readonly letters: readonly DeadLetter[];
  readonly search: DeadLetterSearch;
  readonly matched: number;
}

function Letters({ name, letters, search, matched }: LettersProps) {
  const path = paths.dead(name);
  return (
    <form method="post" action={paths.action(path, "redrive")} class="card">
      <h2 id="letters-title">Messages</h2>
      <SearchFields search={search} />
      <fieldset class="row">
        <legend class="hidden">Send again</legend>
        <label class="inline-field">
          At most{" "}
          <input
            name="rate"
            size={5}
            inputmode="decimal"
            placeholder="all"
            aria-label="Messages a second at most; empty for no limit"
          />{" "}
          a second
        </label>
        <label class="inline-field">
          <input type="checkbox" name="dryRun" value="true" /> only count (dry run)
        </label>
        <button type="submit" name="scope" value="selected">Send selected again</button>
        <button type="submit" name="scope" value="all" class="main">Send all {count(matched)} that fit again</button>
      </fieldset>
      <div class="scroll" role="group" aria-labelledby="letters-title" tabindex={0}>
        <table>
          <caption class="hidden">Dead letters, the oldest first</caption>
          <thead>
            <tr>
              <th scope="col">
                <input type="checkbox" id="select-all" aria-label="Select all that are shown" />
              </th>
              <th scope="col">Failed</th>
              <th scope="col">Message</th>
              <th scope="col">Reason</th>
              <th scope="col">Error</th>
              <th scope="col" class="n mid">Attempts</th>
              <th scope="col" class="n wide">Size</th>
              <th scope="col" class="wide">Body</th>
            </tr>
          </thead>
          <tbody>{letters.map((letter) => <LetterRow name={name} letter={letter} />)}</tbody>
        </table>
      </div>
    </form>
  );
}

function LetterRow({ name, letter }: { name: string; letter: DeadLetter }) {
  const { id, failedAt, reason, errorType, error, attempts, size, body, redriven } = letter;
  return (
    <tr>
      <td>{id !== undefined && <input type="checkbox" name="selected" value={id} aria-label={`Select ${id}`} />}</td>
      <td>
        <Time at={failedAt?.getTime()} date />
      </td>
      <th scope="row">{id === undefined ? "without an id" : <a class="id" href={paths.letter(name, id)}>{id}</a>}</th>
      <td>
        <span class="outcome bad">{reason ?? "unknown"}</span>
        {redriven > 0 && <span class="quiet">sent again {redriven}×</span>}
      </td>
      <td>
        <span class="error-text" title={cut(error ?? "", 500)}>
          {cut(errorType === undefined ? error ?? "" : `${errorType}: ${error ?? ""}`, 140)}
        </span>
      </td>
      <td class="n mid">{count(attempts)}</td>
      <td class="n wide">{bytes(size)}</td>
      <td class="wide">
        <code>{cut(new TextDecoder().decode(body).replaceAll("\u0000", ""), 60)}</code>
      </td>
    </tr>
  );
}

function PurgeForm(
  { name, queue, search, matched }: { name: string; queue: string; search: DeadLetterSearch; matched: number },
) {
  const filtered = Object.values(search).some((value) => value !== "");
  return (
    <details class="card danger-zone">
      <summary>Delete {filtered ? "what fits the filter" : "all"}…</summary>
      <TypedName
        id="purge-name"
        path={withQuery(paths.action(paths.dead(name), "purge"), search)}
        name={queue}
        label={`Delete ${count(matched)}`}
        explain={`This deletes the dead letters in ${queue}${
          filtered ? " that fit the filter" : ""
        }. It cannot be undone.`}
      />
    </details>
  );
}

/** Functions with dead letters, the most first. */
export function deadLettersIndex({ place, depths }: { place: Place; depths: readonly Depth[] }): string {
  const some = depths.filter(({ dead = 0 }) => dead > 0).sort((a, b) => b.dead! - a.dead!);
  return page({
    title: "Dead letters",
    place,
    section: "dead",
    children: (
      <>
        <h1>Dead letters</h1>
        {some.length === 0
          ? <p class="words">There are none.</p>
          : (
            <section class="card" aria-label="Functions with dead letters">
              <table>
                <caption class="hidden">Functions with dead letters, the most first</caption>
                <thead>
                  <tr>
                    <th scope="col">Function</th>
                    <th scope="col" class="n">Dead</th>
                    <th scope="col">Look</th>
                  </tr>
                </thead>
                <tbody>
                  {some.map((depth) => (
                    <tr>
                      <th scope="row">
                        <FunctionLink name={depth.function} />
                      </th>
                      <td class="n bad">{count(depth.dead)}</td>
                      <td>
                        <a
                          href={paths.dead(depth.function)}
                          aria-label={`look at them: dead letters of ${depth.function}`}
                        >
                          look at them
                        </a>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </section>
          )}
      </>
    ),
  });
}
