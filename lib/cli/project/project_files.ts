import { pathToFileURL } from "node:url";
import { OWN_FOLDER, OWN_LIBRARIES, OWN_TASKS, ownImports, ownMain, VERSION } from "../../settings/own_package.ts";

/** Names of Warren's own tasks that a project has too. */
const TASKS = [
  "dev",
  "start",
  "broker",
  "publish",
  "invoke",
  "new",
  "check",
  "types",
  "cache",
  "dead",
  "status",
  "top",
  "pause",
  "resume",
  "run-now",
  "runs",
  "logs",
  "queue",
  "cancel",
  "doctor",
];
/** The versions of Warren that a project accepts. */
export const RANGE = `^${VERSION}`;

/** The files for those who write functions, by path. */
export function projectFiles(): Record<string, string> {
  return {
    "deno.json": json({ tasks: tasks(), imports: ownImports({ range: RANGE }), ...scopes(), fmt: { lineWidth: 120 } }),
    "functions/hello.ts": HELLO,
    "functions/hello_test.ts": HELLO_TEST,
    ".env.example": ENV_EXAMPLE,
    ".gitignore": ".env\n.warren/\nnode_modules/\ncoverage/\n",
    ".vscode/settings.json": json({
      "deno.enable": true,
      "editor.formatOnSave": true,
      "[typescript]": { "editor.defaultFormatter": "denoland.vscode-deno" },
    }),
    ".vscode/extensions.json": json({ recommendations: ["denoland.vscode-deno"] }),
    ".github/workflows/ci.yaml": CI,
  };
}

/** The command line of one of Warren's own tasks, for a project. */
export function taskCommand(name: string): string {
  const main = ownMain({ range: RANGE });
  const quoted = /^[\w@%+=:,./^~-]+$/.test(main) ? main : `'${main.replaceAll("'", `'\\''`)}'`;
  // Warren's own deno.json has this setting, but does not apply if Warren is a package.
  return OWN_TASKS[name].command.replace("deno run ", "deno run --unstable-no-legacy-abort ")
    .replace(/ main\.ts /, () => ` ${quoted} `);
}

/** The project's deno.json also applies to Warren's own files if Warren is a folder and not a package. */
function scopes(): { scopes?: Record<string, Record<string, string>> } {
  return OWN_FOLDER === undefined ? {} : { scopes: { [pathToFileURL(OWN_FOLDER).href]: OWN_LIBRARIES } };
}

function tasks(): Record<string, { description: string; command: string }> {
  const own = TASKS.filter((name) => name in OWN_TASKS).map((name) => {
    const { description } = OWN_TASKS[name];
    return [name, { description, command: taskCommand(name) }] as const;
  });
  return {
    ...Object.fromEntries(own),
    test: { description: "Run the tests", command: "deno test -A" },
  };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

const HELLO = `import type { FunctionConfig, Handler } from "warren";

export const config = {
  concurrency: 10,
  timeout: "30s",
  retry: { attempts: 5, delay: "1s" },
} satisfies FunctionConfig;

/** The body of a message in the queue "hello". */
export interface Greeting {
  name: string;
}

const hello: Handler<Greeting, string> = (message, context) => {
  const text = \`hello \${message.body.name}\`;
  context.log.info(text);
  return text;
};
export default hello;
`;

const HELLO_TEST = `import assert from "node:assert/strict";
import { run } from "warren/testing";
import * as hello from "./hello.ts";

Deno.test("hello greets whom the message names", async () => {
  const { outcome, result } = await run(hello, { name: "World" });
  assert.deepEqual({ outcome, result }, { outcome: "completed", result: "hello World" });
});

Deno.test("hello tries a message without a name again, and then gives it up", async () => {
  const { outcome, next } = await run(hello, null, { attempt: 5 });
  assert.deepEqual({ outcome, next }, { outcome: "failed", next: { kind: "deadLetter", reason: "failed" } });
});
`;

const ENV_EXAMPLE = `# Copy this file to .env, which git ignores.
# A function receives only the variables that the "permissions.env" of its config lists.

# Without it, Warren joins the broker on this machine, or starts its own.
# AMQP_URL=amqp://guest:guest@127.0.0.1:5672

# A secret can be in a file: a function that asks for DB_PASSWORD receives the contents of this one.
# DB_PASSWORD_FILE=/run/secrets/db_password
`;

const CI = `name: CI
on: [push, pull_request]
permissions:
  contents: read
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: denoland/setup-deno@v2
        with:
          deno-version: v2.9.x
      - run: deno fmt --check
      - run: deno lint
      # Fails if deno.lock is incomplete.
      - run: deno task cache --production
      - run: deno task check --production --no-download
      - run: deno task test
`;
