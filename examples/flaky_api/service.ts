/**
 * A service that fails now and then, to try the example with: `deno run --allow-net service.ts`. Of ten requests it refuses
 * three, and it is down for ten seconds of each minute.
 */
Deno.serve({ hostname: "127.0.0.1", port: 8090 }, (request) => {
  if (new Date().getSeconds() < 10) return new Response("down", { status: 503 });
  const chance = Math.random();
  if (chance < 0.2) return new Response("busy", { status: 429, headers: { "retry-after": "2" } });
  if (chance < 0.3) return new Response("broken", { status: 500 });
  const city = decodeURIComponent(new URL(request.url).pathname.split("/").at(-1)!);
  return Response.json({ city, degrees: Math.round(Math.random() * 30) });
});
