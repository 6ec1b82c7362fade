import { dirname, join } from "node:path";
import { WarrenError } from "../base/errors.ts";
import type { Command } from "./command.ts";

const NAME = /^[a-z0-9][a-z0-9_-]*([./][a-z0-9][a-z0-9_-]*)*$/i;

/** Writes a function from a template. Overwrites an existing file only with `--force`. */
export const create: Command = {
  summary: "Write a new function from a template",
  usage: "NAME",
  flags: [{ flag: "force", text: "Overwrite an existing function." }],
  async run({ options, positional, flags, print }) {
    const [name, ...rest] = positional;
    if (name === undefined || rest.length > 0) {
      throw new WarrenError("config", "new needs one name, as in: new orders/created");
    }
    if (!NAME.test(name)) {
      throw new WarrenError(
        "config",
        `"${name}" is not a name for a function: letters, digits, "_" and "-", with "/" for folders`,
      );
    }
    const path = name.replace(/\.ts$/, "").replaceAll(".", "/");
    if (/(^|\/)test$|_test$|(^|\/)node_modules(\/|$)/.test(path)) {
      throw new WarrenError("config", `"${name}" would not be taken for a function: tests and node_modules are not`);
    }
    const file = join(options.functionsDir, `${path}.ts`);
    await Deno.mkdir(dirname(file), { recursive: true });
    try {
      await Deno.writeTextFile(file, template(), { createNew: !flags.has("force") });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      throw new WarrenError("config", `${file} exists already; choose another name, or overwrite it with --force`);
    }
    const queue = path.replaceAll("/", ".");
    print(`${file} is written. A runner that watches the folder serves it now; else: deno task start`);
    print(`Send it a message: deno task publish ${queue} '{"name":"World"}'`);
    return 0;
  },
};

function template(): string {
  return `import type { FunctionConfig, Handler } from "warren";

export const config = {
  concurrency: 10,
  timeout: "30s",
  retry: { attempts: 5, delay: "1s" },
} satisfies FunctionConfig;

interface Body {
  name: string;
}

const handler: Handler<Body> = (message, context) => {
  context.log.info(\`hello \${message.body.name}\`);
};
export default handler;
`;
}
