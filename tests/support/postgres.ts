import { freePort } from "./free_port.ts";

const required = (Deno.env.get("WARREN_TEST_REQUIRE") ?? "").split(",").includes("postgres");
const BIN = Deno.env.get("WARREN_TEST_POSTGRES_BIN") ?? newest("/usr/lib/postgresql");
let told = false;

/** The programs of the newest version that Debian's packages have put there. */
function newest(folder: string): string | undefined {
  try {
    const versions = [...Deno.readDirSync(folder)].map(({ name }) => name).sort((a, b) => Number(b) - Number(a));
    return `${folder}/${versions[0]}/bin`;
  } catch {
    return undefined;
  }
}

/**
 * A test that needs PostgreSQL, which it starts itself. Where there is none it is skipped and one line says how to run
 * it; where WARREN_TEST_REQUIRE names `postgres` it fails instead.
 */
export function postgresTest(name: string, fn: () => Promise<void>): void {
  if (!BIN && !required && !told) {
    told = true;
    console.log("There is no PostgreSQL: the tests that need it are skipped.");
    console.log("To run them, install it (Debian's postgresql), or name its bin folder in WARREN_TEST_POSTGRES_BIN.");
  }
  Deno.test({
    name,
    ignore: !BIN && !required,
    fn() {
      if (!BIN) throw new Error("there is no PostgreSQL");
      return fn();
    },
  });
}

/** A PostgreSQL of the test's own, whose data is removed at the end. */
export class PostgresServer implements AsyncDisposable {
  readonly #folder: string;
  readonly #child: Deno.ChildProcess;
  readonly #output: Promise<void>;
  readonly url: string;

  private constructor(folder: string, port: number, child: Deno.ChildProcess, output: Promise<void>) {
    this.#folder = folder;
    this.#child = child;
    this.#output = output;
    this.url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  }

  static async start(): Promise<PostgresServer> {
    const folder = await Deno.makeTempDir({ prefix: "warren-postgres-" });
    // It refuses to run as root.
    const user = Deno.uid() === 0 ? { uid: 65534, gid: 65534 } : {};
    if (user.uid !== undefined) await Deno.chown(folder, user.uid, user.gid!);
    const data = `${folder}/data`;
    const init = await new Deno.Command(`${BIN}/initdb`, {
      args: ["--pgdata", data, "--username", "postgres", "--auth", "trust", "--no-sync"],
      cwd: folder,
      ...user,
    }).output();
    if (!init.success) throw new Error(`initdb: ${new TextDecoder().decode(init.stderr)}`);
    const port = freePort();
    const child = new Deno.Command(`${BIN}/postgres`, {
      args: ["-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", folder, "-F"],
      cwd: folder,
      stdout: "null",
      stderr: "piped",
      ...user,
    }).spawn();
    const { promise: ready, resolve } = Promise.withResolvers<void>();
    const output = child.stderr.pipeThrough(new TextDecoderStream()).pipeTo(
      new WritableStream({
        write(text) {
          if (text.includes("database system is ready")) resolve();
        },
      }),
    );
    await Promise.race([ready, child.status.then(() => Promise.reject(new Error("postgres ended while it started")))]);
    return new PostgresServer(folder, port, child, output);
  }

  /** The output of one query, as text. */
  async query(sql: string): Promise<string> {
    const { stdout, stderr, success } = await new Deno.Command(`${BIN}/psql`, {
      args: ["--tuples-only", "--no-align", "--command", sql, this.url],
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
    return success ? text(stdout) : `error: ${text(stderr)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGINT");
    await this.#child.status;
    await this.#output;
    await Deno.remove(this.#folder, { recursive: true });
  }
}
