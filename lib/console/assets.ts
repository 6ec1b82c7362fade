import { Hono } from "hono";
import { createHash } from "node:crypto";
import sse from "htmx-ext-sse/dist/sse.min.js" with { type: "text" };
import htmx from "htmx.org/dist/htmx.min.js" with { type: "text" };
import plotCss from "uplot/dist/uPlot.min.css" with { type: "text" };
import plot from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import client from "./assets/console.js" with { type: "text" };
import baseCss from "./assets/base.css" with { type: "text" };
import drawingsCss from "./assets/drawings.css" with { type: "text" };
import formsCss from "./assets/forms.css" with { type: "text" };
import narrowCss from "./assets/narrow.css" with { type: "text" };
import plotsJs from "./assets/plots.js" with { type: "text" };
import partsCss from "./assets/parts.css" with { type: "text" };
import icon from "./assets/icon.svg" with { type: "text" };
import { ASSETS } from "./paths.ts";

const JAVASCRIPT = "text/javascript; charset=utf-8";
const CSS = "text/css; charset=utf-8";

interface Asset {
  readonly path: string;
  readonly text: string;
  readonly type: string;
}

/** Its path changes with its text, so that a browser may keep it for good. */
function asset(name: string, extension: string, type: string, text: string): Asset {
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 12);
  return { path: `${ASSETS}/${name}.${hash}.${extension}`, text, type };
}

/** The files of the pages. */
export const assets = {
  htmx: asset("htmx", "js", JAVASCRIPT, htmx),
  sse: asset("htmx-sse", "js", JAVASCRIPT, sse),
  plot: asset("uplot", "js", JAVASCRIPT, `${plot}\n${plotsJs}`),
  client: asset("console", "js", JAVASCRIPT, client),
  plotCss: asset("uplot", "css", CSS, plotCss),
  css: asset("console", "css", CSS, [baseCss, partsCss, drawingsCss, formsCss, narrowCss].join("\n")),
  icon: asset("icon", "svg", "image/svg+xml", icon),
};

export function assetRoutes(): Hono {
  const app = new Hono();
  for (const { path, text, type } of Object.values(assets)) {
    app.get(path, () =>
      new Response(text, {
        headers: { "content-type": type, "cache-control": "public, max-age=31536000, immutable" },
      }));
  }
  return app;
}
