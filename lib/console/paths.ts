import type { Trouble } from "../invocation/insight/operator_view.ts";

/** Everything of the console but its first page is below this. */
export const BASE = "/console";
export const ASSETS = `${BASE}/assets`;

const at = (...parts: string[]) => `${BASE}/${parts.map(encodeURIComponent).join("/")}`;

/** The addresses of the pages. */
export const paths = {
  overview: "/",
  runs: at("runs"),
  queues: at("queues"),
  deadLetters: at("dead"),
  function: (name: string) => at("functions", name),
  run: (id: string) => at("runs", id),
  /** Message ids can be anything, `..` too, so they are in the query. */
  message: (id: string) => withQuery(at("messages"), { id }),
  dead: (name: string) => at("dead", name),
  letter: (name: string, id: string) => withQuery(at("dead", name, "letter"), { id }),
  /** What a form of a page posts to, as in `/console/functions/resize/pause`. */
  action: (page: string, action: string) => `${page}/${action}`,
};

/** A path with a query; what is undefined or empty is left out. */
export function withQuery(path: string, query: Record<string, string | readonly string[] | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    const values = value === undefined ? [] : typeof value === "string" ? [value] : value;
    for (const one of values) if (one !== "") search.append(name, one);
  }
  return search.size > 0 ? `${path}${path.includes("?") ? "&" : "?"}${search}` : path;
}

/** Where a trouble leads: a page of the console, never another site. */
export function troublePath({ href, function: name }: Trouble): string | undefined {
  if (href?.startsWith(`${BASE}/`)) return href;
  if (href && /^\/(functions|runs|messages|dead|queues)(\/|$)/.test(href)) return BASE + href;
  return name === undefined ? undefined : paths.function(name);
}

/** Whether a path is that of a script, a style or a picture. They say nothing about a runner, so everybody may read them. */
export function isAssetPath(path: string): boolean {
  return path.startsWith(`${ASSETS}/`);
}

/** Whether a request asks for a page of the console, as a browser does. */
export function isPage(path: string, accept: string | undefined): boolean {
  return (path === "/" || path === BASE || path.startsWith(`${BASE}/`)) && (accept?.includes("text/html") ?? false);
}
