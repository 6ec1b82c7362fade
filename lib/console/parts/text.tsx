/** @jsxImportSource hono/jsx */
import { clock, dateAndClock, UNKNOWN } from "../format.ts";
import { paths } from "../paths.ts";

/** Messages may say any time; dates end here. */
const LAST_DATE = 8.64e15;

/** A moment: UTC in the page, the reader's own time once its script runs. */
export function Time({ at, date = false }: { at: number | undefined; date?: boolean }) {
  if (at === undefined || !(Math.abs(at) <= LAST_DATE)) return <>{UNKNOWN}</>;
  const iso = new Date(at).toISOString();
  return (
    <time datetime={iso} title={iso} data-form={date ? "date" : "clock"}>{date ? dateAndClock(at) : clock(at)}</time>
  );
}

/** A state by its word, or others, and by a shape and a colour. */
export function State({ state, text = state, id }: { state: string; text?: string; id?: string }) {
  return <span class={`state state-${known(state)}`} id={id}>{text}</span>;
}

/** How an invocation ended, and what became of its message. */
export function OutcomeText({ outcome }: { outcome: string }) {
  return <span class={`outcome ${outcome === "completed" ? "good" : "bad"}`}>{outcome}</span>;
}

const STATES = ["starting", "serving", "unavailable", "broken", "paused", "disabled", "draining", "gone"];

/** A class of the style sheet, whatever other runners call their states. */
function known(state: string): string {
  return STATES.includes(state) ? state : "other";
}

export function FunctionLink({ name, id }: { name: string; id?: string }) {
  return <a class="name" id={id} href={paths.function(name)}>{breakable(name)}</a>;
}

/** A name that may go on in the next line after each of its parts. */
function breakable(name: string) {
  const parts = name.split(/(?<=[./_-])/);
  return parts.map((part, at) =>
    at === 0 ? part : (
      <>
        <wbr />
        {part}
      </>
    )
  );
}

export function MessageLink({ id }: { id: string | undefined }) {
  return id === undefined || id === "" ? <>{UNKNOWN}</> : <a class="id" href={paths.message(id)}>{id}</a>;
}

/** Who did not answer, so that nobody takes the part for the whole. */
export function Silent({ names }: { names: readonly string[] }) {
  if (names.length === 0) return null;
  const who = names.length === 1 ? `Runner ${names[0]}` : `${names.length} runners (${names.slice(0, 5).join(", ")})`;
  return (
    <p class="note warn">
      {who} did not answer in time: what {names.length === 1 ? "it" : "they"} recorded is missing here.
    </p>
  );
}

/** What of a page cannot be had now. */
export function Missing({ parts }: { parts: readonly string[] }) {
  if (parts.length === 0) return null;
  return <p class="notice warn">Not known now: {parts.join("; ")}.</p>;
}

/** A value of a header or a property, as text. */
export function plainText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Date) return value.toISOString();
  try {
    return JSON.stringify(value, (_, one) => typeof one === "bigint" ? String(one) : one) ?? String(value);
  } catch {
    return String(value);
  }
}

/** Names and values, as in headers; none of them is markup. */
export function Fields({ fields, empty }: { fields: Readonly<Record<string, unknown>>; empty: string }) {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  if (entries.length === 0) return <p class="quiet">{empty}</p>;
  return (
    <dl class="fields">
      {entries.map(([name, value]) => (
        <div>
          <dt>{name}</dt>
          <dd>{plainText(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
