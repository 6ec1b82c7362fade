import type { Attempt } from "../attempt.ts";

const NET = "Requires net access";

/** Over the network. */
export const NETWORK: readonly Attempt[] = [
  {
    tries: "connects to the broker",
    handler: "await Deno.connect({ hostname: at.host, port: at.port }); await loot('connected');",
    gets: NET,
  },
  {
    tries: "connects to the broker by node:net",
    imports: 'import net from "node:net";',
    handler: `
      await new Promise((go, no) => net.connect(at.port, at.host, go).on("error", no));
      await loot("connected");`,
    gets: NET,
  },
  {
    tries: "asks the runner's HTTP API",
    handler: "await loot(await (await fetch(`http://${at.host}:${at.port}/functions`)).text());",
    gets: NET,
  },
  {
    tries: "asks the runner's HTTP API by node:http",
    imports: 'import http from "node:http";',
    handler: `
      await new Promise((go, no) => http.get({ host: at.host, port: at.port }, go).on("error", no));
      await loot("answered");`,
    gets: NET,
  },
  {
    tries: "opens a WebSocket to the runner's HTTP API",
    handler: `
      const ws = new WebSocket(\`ws://\${at.host}:\${at.port}/ws/amqp\`);
      await new Promise((go, no) => { ws.onopen = go; ws.onerror = (event) => no(event.error ?? new Error(event.message)); });
      await loot("open");`,
    gets: NET,
  },
  {
    tries: "asks the cloud who it is",
    handler: 'await loot(await (await fetch("http://169.254.169.254/latest/meta-data/")).text());',
    gets: NET,
  },
  {
    tries: "listens",
    handler: 'Deno.listen({ hostname: "127.0.0.1", port: 0 }); await loot("listening");',
    gets: NET,
  },
  {
    tries: "serves by node:http",
    imports: 'import http from "node:http";',
    handler: `
      await new Promise((go, no) => http.createServer().on("error", no).listen(0, "127.0.0.1", go));
      await loot("listening");`,
    ends: "crashed",
  },
  {
    tries: "sends a datagram",
    imports: 'import dgram from "node:dgram";',
    handler: `
      const udp = dgram.createSocket("udp4");
      await new Promise((go, no) => {
        udp.on("error", no);
        udp.send("x", at.port, at.host, (error) => error ? no(error) : go());
      });
      await loot("sent");`,
    ends: "crashed",
  },
  {
    tries: "asks the name service",
    handler: 'await loot(await Deno.resolveDns("localhost", "A"));',
    gets: NET,
  },
  {
    tries: "asks the name service by node:dns",
    imports: 'import dns from "node:dns/promises";',
    handler: 'await loot(JSON.stringify(await dns.lookup("localhost")));',
    gets: "EPERM",
  },
  {
    tries: "follows a redirect from a host that it may ask to one that it may not",
    permissions: { net: ["$allowed"] },
    handler: "await loot(await (await fetch(`http://${at.host}:${at.allowedPort}/redirect`)).text());",
    gets: NET,
  },
  {
    tries: "asks a host that it may by way of a proxy that it may not",
    permissions: { net: ["$allowed"] },
    handler: `
      const client = Deno.createHttpClient({ proxy: { url: \`http://\${at.host}:\${at.port}\` } });
      await loot(await (await fetch(\`http://\${at.host}:\${at.allowedPort}/\`, { client })).text());`,
    gets: NET,
  },
  {
    tries: "asks by way of a Unix socket that is not its own",
    permissions: { net: ["$allowed"] },
    handler: `
      const client = Deno.createHttpClient({ proxy: { transport: "unix", path: at.folder + "/1.sock" } });
      await loot(await (await fetch(\`http://\${at.host}:\${at.allowedPort}/\`, { client })).text());`,
    gets: "Requires",
  },
  {
    tries: "connects to its own socket a second time",
    handler: 'await Deno.connect({ transport: "unix", path: socket }); await loot("connected");',
    gets: "Requires",
  },
  {
    tries: "connects to another function's socket",
    handler: 'await Deno.connect({ transport: "unix", path: at.folder + "/0.sock" }); await loot("connected");',
    gets: "Requires",
  },
  {
    tries: "listens where its own socket is",
    handler: 'Deno.listen({ transport: "unix", path: socket }); await loot("listening");',
    gets: "Requires",
  },
  {
    tries: "opens itself to a debugger",
    imports: 'import inspector from "node:inspector";',
    handler: 'inspector.open(0, "127.0.0.1"); await loot(inspector.url() ?? "");',
    gets: "",
  },
];
