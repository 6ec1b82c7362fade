import { assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { PostgresServer, postgresTest } from "../support/postgres.ts";
import { exampleTest } from "./example.ts";

exampleTest(
  "postgres_writer",
  "visits are inserted in batches, and a bad one is set apart",
  async ({ start }) => {
    await using server = await PostgresServer.start();
    await using runner = await start({ DATABASE_URL: server.url });
    const send = async (body: unknown) => {
      const headers = { "content-type": "application/json" };
      const init = { method: "POST", body: JSON.stringify(body), headers };
      const response = await fetch(`${runner.url}/functions/visits`, init);
      await response.body?.cancel();
      assertEquals(response.status, 202);
    };
    const at = new Date().toISOString();
    await Promise.all([...Array(100).keys()].map((n) => send({ page: `/${n}`, at })));
    await send({ page: "/bad", at: "yesterday" });
    await eventually(async () => await server.query("SELECT count(*) FROM visits") === "100", { timeout: 30_000 });
    await runner.waitForLog(({ message }) => message.includes("expected a page, a time and a message id"));
  },
  postgresTest,
);
