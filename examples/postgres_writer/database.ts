import postgres from "postgres";

/** The database that DATABASE_URL names. */
export const sql = postgres(Deno.env.get("DATABASE_URL") ?? "postgres://postgres@127.0.0.1:5432/postgres", {
  onnotice: () => {},
});

/** Creates the tables. Several processes may do so at the same time. */
export async function createTables(): Promise<void> {
  await sql.begin(async (sql) => {
    await sql`SELECT pg_advisory_xact_lock(7)`;
    await sql`CREATE TABLE IF NOT EXISTS visits (id text PRIMARY KEY, page text NOT NULL, at timestamptz NOT NULL)`;
    await sql`CREATE TABLE IF NOT EXISTS reports (day date PRIMARY KEY, visits integer NOT NULL)`;
  });
}
