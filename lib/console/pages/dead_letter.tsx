/** @jsxImportSource hono/jsx */
import { describeError } from "../../base/errors.ts";
import { decodeBody } from "../../invocation/content/codec.ts";
import { encodingsOf } from "../../invocation/content/content_encoding.ts";
import type { DeadLetter } from "../../invocation/dead_letters/dead_letter.ts";
import { bytes, count } from "../format.ts";
import { Action, Field, Notice } from "../parts/form.tsx";
import { page, type Place } from "../parts/layout.tsx";
import { Fields, Time } from "../parts/text.tsx";
import { paths, withQuery } from "../paths.ts";

/** Characters of a body that a page shows; a longer one cannot be edited there. */
const MOST_BODY = 256 * 1024;

/** A body as a page shows it. */
interface BodyText {
  readonly text: string;
  /** Why it cannot be edited. */
  readonly fixed?: string;
}

export interface DeadLetterPageProps {
  readonly place: Place;
  readonly name: string;
  readonly letter: DeadLetter;
  /** What was typed and could not be used, and why. */
  readonly typed?: {
    readonly body: string;
    readonly contentType: string;
    readonly headers: string;
    readonly error: string;
  };
}

/** One dead letter: all of it, and the form that sends it again with changes. */
export async function deadLetterPage({ place, name, letter, typed }: DeadLetterPageProps): Promise<string> {
  const { id = "", reason, errorType, error, stack, attempts, redriven, failedAt, firstSeen, host, size, properties } =
    letter;
  const path = paths.dead(name);
  const body = await bodyText(letter);
  return page({
    title: `Dead letter ${id}`,
    place,
    section: "dead",
    children: (
      <>
        <p class="crumbs">
          <a href={paths.deadLetters}>Dead letters</a> / <a href={path}>{name}</a>
        </p>
        <div class="bar">
          <h1>
            Dead letter <span class="id">{id}</span>
          </h1>
          <div class="controls">
            <Action
              path={paths.action(path, "redrive")}
              fields={{ scope: "selected", selected: id }}
              label="Send again as it is"
              tone="main"
            />
            <a class="button" href={paths.message(id)}>Its runs</a>
          </div>
        </div>
        {typed && <Notice tone="bad">{typed.error}</Notice>}
        {letter.unreadable !== undefined && <Notice tone="bad">Its headers cannot be read: {letter.unreadable}</Notice>}
        <section class="card" aria-labelledby="why-title">
          <h2 id="why-title">Why it is here</h2>
          <p>
            <span class="outcome bad">{reason ?? "unknown"}</span>{" "}
            {errorType !== undefined && <b>{`${errorType}: `}</b>}
            {error}
          </p>
          <p class="quiet">
            failed <Time at={failedAt?.getTime()} date />, first seen <Time at={firstSeen?.getTime()} date />,{" "}
            {count(attempts)} attempts
            {redriven > 0 && `, sent again ${redriven} times`}
            {host !== undefined && `, on ${host}`}
          </p>
          {stack !== undefined && <pre tabindex={0} aria-label="Stack">{stack}</pre>}
        </section>
        <div class="two">
          <section class="card" aria-labelledby="body-title">
            <h2 id="body-title">Body, {bytes(size)}</h2>
            {body.fixed !== undefined
              ? (
                <>
                  <p class="quiet">{body.fixed}</p>
                  <pre tabindex={0} aria-label="Body">{body.text}</pre>
                </>
              )
              : (
                <form method="post" class="stack" action={withQuery(paths.action(path, "edit"), { id })}>
                  <Field id="edit-body" label="Body">
                    <textarea id="edit-body" name="body" rows={12} spellcheck={false}>
                      {typed?.body ?? body.text}
                    </textarea>
                  </Field>
                  <Field id="edit-type" label="Content type">
                    <input
                      id="edit-type"
                      name="contentType"
                      value={typed?.contentType ?? properties.contentType ?? ""}
                    />
                  </Field>
                  <Field
                    id="edit-headers"
                    label="Headers to change"
                    hint="One in a line: name=value sets it, -name takes it away."
                  >
                    <textarea
                      id="edit-headers"
                      name="headers"
                      rows={3}
                      spellcheck={false}
                      aria-describedby="edit-headers-hint"
                    >
                      {typed?.headers ?? ""}
                    </textarea>
                  </Field>
                  <div class="row">
                    <button type="submit" class="main">Send again with these changes</button>
                  </div>
                </form>
              )}
          </section>
          <section class="card" aria-labelledby="headers-title">
            <h2 id="headers-title">Headers and properties</h2>
            <h3>Headers</h3>
            <Fields fields={letter.headers} empty="It has no headers." />
            <h3>Properties</h3>
            <Fields fields={{ ...properties }} empty="It has no properties." />
          </section>
        </div>
        <details class="card danger-zone">
          <summary>Delete it…</summary>
          <form method="post" action={withQuery(paths.action(path, "delete"), { id })} class="danger-form">
            <label class="inline-field">
              <input type="checkbox" name="confirm" value="yes" required /> Yes, delete this message for good
            </label>
            <button type="submit" class="danger">Delete</button>
          </form>
        </details>
      </>
    ),
  });
}

async function bodyText({ body, properties, headers }: DeadLetter): Promise<BodyText> {
  if (body.length > MOST_BODY) {
    const fixed = `Only the beginning is shown: more than ${bytes(MOST_BODY)} is edited with deno task dead edit.`;
    return { text: new TextDecoder().decode(body.subarray(0, MOST_BODY / 8)), fixed };
  }
  if (encodingsOf(properties, headers).compressions.length > 0) {
    const value = await Promise.resolve(decodeBody(body, properties, { headers })).catch(describeError);
    const text = value instanceof Uint8Array
      ? value.toBase64()
      : typeof value === "string"
      ? value
      : JSON.stringify(value, null, 2);
    return { text: text.slice(0, MOST_BODY), fixed: "It is compressed, and shown as its function gets it." };
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    // The browser sends other line ends than these.
    if (text.includes("\r")) return { text, fixed: "It has carriage returns, which a form would change." };
    return { text: indented(text) };
  } catch {
    return { text: body.toBase64(), fixed: "It is not text: this is its base64." };
  }
}

/** JSON with line breaks, where that changes nothing of it: large numbers and repeated keys do not survive parsing. */
function indented(text: string): string {
  try {
    const value = JSON.parse(text);
    return JSON.stringify(value) === text ? JSON.stringify(value, null, 2) : text;
  } catch {
    return text;
  }
}
