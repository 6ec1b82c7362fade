import type { FunctionConfig, Handler } from "warren";
import { database } from "../database.ts";

/** Counts the visits of the day before, every night at three. Each night is reported once, however many runners there are. */
export const config = {
  schedule: { cron: "0 3 * * *", timezone: "UTC" },
  permissions: { net: ["127.0.0.1"], env: ["DATABASE_URL", "PG*"] },
} satisfies FunctionConfig;

const report: Handler<{ scheduled: string }> = async ({ body: { scheduled } }, context) => {
  const day = new Date(Date.parse(scheduled) - 86_400_000).toISOString().slice(0, 10);
  const visits = await context.once(`report/${day}`, async () => {
    const sql = await database();
    const [{ count }] =
      await sql`SELECT count(*)::int AS count FROM visits WHERE (at AT TIME ZONE 'UTC')::date = ${day}`;
    await sql`INSERT INTO reports (day, visits) VALUES (${day}, ${count})
      ON CONFLICT (day) DO UPDATE SET visits = excluded.visits`;
    return count as number;
  });
  context.log.info(`${visits} visits on ${day}`);
};
export default report;
