/** @jsxImportSource hono/jsx */
import { document, page, type Place } from "../parts/layout.tsx";
import { paths } from "../paths.ts";

/** What went wrong, as a page. */
export function problemPage(
  { title, detail, status, place }: { title: string; detail: string; status: number; place: Place },
): string {
  return page({
    title: `${status} ${title}`,
    place,
    children: (
      <section class="card problem" role="alert">
        <h1>{title}</h1>
        <p>{detail}</p>
        <p>
          <a href={paths.overview}>To the overview</a>
        </p>
      </section>
    ),
  });
}

/** Asks for the token. It is public, so it reveals nothing about the runner. */
export function signInPage(): string {
  return document(
    <main id="main" class="sign-in" tabindex={-1}>
      <h1>Warren</h1>
      <noscript>
        <p>
          This runner has an API token. The page keeps it in this tab and sends it with each request, for which it needs
          JavaScript. Without JavaScript, use the HTTP API or the command line.
        </p>
      </noscript>
      <p id="sign-in-state" role="status">Enter the API token of this runner. It stays in this tab.</p>
      <form id="sign-in" hx-boost="false" hidden>
        <label for="token">API token</label>
        <input id="token" type="password" required autocomplete="off" />
        <button type="submit" class="main">Open</button>
      </form>
    </main>,
    "Sign in",
  );
}
