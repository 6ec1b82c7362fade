/** Serves the console over a made-up night, to look at it: `deno run -A tests/console/serve_fake.ts [PORT]`. */
import { fakeConsole } from "./fake_console.ts";

if (import.meta.main) {
  const { app, operator } = fakeConsole({ functions: Number(Deno.args[1] ?? 12) });
  Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.args[0] ?? 8123) }, app.fetch);
  setInterval(() => {
    operator.emit({
      kind: "log",
      function: "orders.created",
      runner: "warren-a",
      line: { time: Date.now(), level: "info", message: "charging order 4711", fields: { total: "129,00" } },
    });
  }, 700);
}
