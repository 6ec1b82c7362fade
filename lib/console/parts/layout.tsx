/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import { raw } from "hono/html";
import { assets } from "../assets.ts";
import { paths } from "../paths.ts";

/** What every page says of the runner that made it. */
export interface Place {
  /** This runner's name. */
  readonly runner: string;
  /** Warren's version. */
  readonly version: string;
}

export interface PageProps {
  readonly title: string;
  readonly place: Place;
  /** Which part of the navigation it belongs to. */
  readonly section?: "overview" | "runs" | "dead" | "queues";
  /** The stream that keeps it up to date. */
  readonly live?: string;
  readonly children?: Child;
}

const SECTIONS = [
  ["overview", "Overview", paths.overview],
  ["runs", "Runs", paths.runs],
  ["dead", "Dead letters", paths.deadLetters],
  ["queues", "Queues", paths.queues],
] as const;

/** Of htmx: nothing that a strict content security policy forbids, and errors are pages that are shown. */
const HTMX = JSON.stringify({
  allowEval: false,
  includeIndicatorStyles: false,
  allowScriptTags: false,
  historyCacheSize: 0,
  selfRequestsOnly: true,
  scrollBehavior: "auto",
  responseHandling: [{ code: "204", swap: false }, { code: "[2345]..", swap: true }],
});

/** A whole document; its parts are JSX, so every text in it is escaped. */
export function document(body: Child, title: string): string {
  return "<!doctype html>" + (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="htmx-config" content={HTMX} />
        <title>{title} · Warren</title>
        <link rel="icon" href={assets.icon.path} type="image/svg+xml" />
        <link rel="stylesheet" href={assets.plotCss.path} />
        <link rel="stylesheet" href={assets.css.path} />
        <script src={assets.htmx.path} defer></script>
        <script src={assets.sse.path} defer></script>
        <script src={assets.plot.path} defer></script>
        <script src={assets.client.path} defer></script>
      </head>
      <body hx-boost="true" hx-ext="sse">{body}</body>
    </html>
  ).toString();
}

export function page({ title, place, section, live, children }: PageProps): string {
  return document(
    <>
      <a class="skip" href="#main">Skip to the content</a>
      <header class="top">
        <a class="brand" href={paths.overview}>Warren</a>
        <nav aria-label="Main">
          <ul>
            {SECTIONS.map(([key, label, path]) => (
              <li>
                <a href={path} aria-current={key === section ? "page" : undefined}>{label}</a>
              </li>
            ))}
          </ul>
        </nav>
        {live !== undefined && <p id="live-state" class="live" role="status">Not live: this page needs a reload</p>}
      </header>
      <main id="main" tabindex={-1}>{children}</main>
      {live !== undefined && <div id="live" sse-connect={live} sse-swap="fragment" hx-swap="none" hidden></div>}
      <footer>
        <p>
          Runner <b>{place.runner}</b>, Warren {place.version}. <span id="zone">Times are UTC.</span>
        </p>
      </footer>
    </>,
    title,
  );
}

/** What is in an element of a page; the stream replaces it when it changes. */
export interface Fragment {
  /** Of the element. */
  readonly id: string;
  /** What is in it. */
  readonly html: string;
  /** Of the element. @default "div" */
  readonly tag?: "div" | "tr" | "tbody";
  /** What it consists of: where the ids stay the same, only those that changed are sent. */
  readonly parts?: readonly Fragment[];
  /** It is added to what the element has, instead of replacing it. @default false */
  readonly append?: boolean;
}

export function fragment(id: string, content: Child): Fragment {
  return { id, html: String(<>{content}</>) };
}

/** A fragment in the page itself. */
export function put({ html }: Fragment) {
  return raw(html);
}
