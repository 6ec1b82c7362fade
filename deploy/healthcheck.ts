/** Exits with 0 when the runner in this container answers. */
const port = Deno.env.get("PORT") || "8000";
const { ok } = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(2000) }).catch(() => ({
  ok: false,
}));
Deno.exit(ok ? 0 : 1);
