import postgres from "postgres";

/** A visit as a row. */
export interface Row {
  readonly id: string;
  readonly page: string;
  readonly at: string;
}

let opened: Promise<postgres.Sql> | undefined;

/** The database that DATABASE_URL names, with its tables. It is opened by the first message. */
export function database(): Promise<postgres.Sql> {
  opened ??= open();
  opened.catch(() => opened = undefined);
  return opened;
}

async function open(): Promise<postgres.Sql> {
  const url = Deno.env.get("DATABASE_URL") ?? "postgres://postgres@127.0.0.1:5432/postgres";
  const sql = postgres(url, { onnotice: () => {} });
  await sql.begin(async (sql) => {
    // Several processes may do this at the same time.
    await sql`SELECT pg_advisory_xact_lock(7)`;
    await sql`CREATE TABLE IF NOT EXISTS visits (id text PRIMARY KEY, page text NOT NULL, at timestamptz NOT NULL)`;
    await sql`CREATE TABLE IF NOT EXISTS reports (day date PRIMARY KEY, visits integer NOT NULL)`;
  });
  return sql;
}

/** A visit that is there already stays as it is: a message that is delivered again has the same id. */
export async function insertVisits(rows: readonly Row[]): Promise<void> {
  const sql = await database();
  await sql`INSERT INTO visits ${sql(rows, "id", "page", "at")} ON CONFLICT (id) DO NOTHING`;
}
