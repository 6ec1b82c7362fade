/** Serves page.html. In production it would be a file of your site. */
const page = await Deno.readTextFile(new URL("page.html", import.meta.url));
const port = Number(Deno.args[0] ?? 8080);
Deno.serve({ hostname: "127.0.0.1", port }, ({ url }) => {
  const { pathname } = new URL(url);
  if (pathname !== "/") return new Response("there is one page, /\n", { status: 404 });
  return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
});
