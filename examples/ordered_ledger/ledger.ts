import { DatabaseSync } from "node:sqlite";

/** Accounts in a SQLite file. */
export interface Ledger extends Disposable {
  /** The new balance; undefined for a posting that is there already. */
  post(id: string, account: string, amount: number): number | undefined;
  /** The amounts of an account, in the order in which they were posted. */
  amounts(account: string): number[];
}

export function openLedger(path: string): Ledger {
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS postings (
      position INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, account TEXT NOT NULL, amount INTEGER NOT NULL
    )`);
  return {
    post(id, account, amount) {
      const insert = database.prepare(
        "INSERT INTO postings (id, account, amount) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
      );
      if (insert.run(id, account, amount).changes === 0) return undefined;
      const sum = database.prepare("SELECT sum(amount) AS balance FROM postings WHERE account = ?").get(account);
      return Number(sum!.balance);
    },
    amounts(account) {
      const rows = database.prepare("SELECT amount FROM postings WHERE account = ? ORDER BY position").all(account);
      return rows.map((row) => Number(row.amount));
    },
    [Symbol.dispose]: () => database.close(),
  };
}
