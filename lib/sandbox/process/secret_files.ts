import { describeError, WarrenError } from "../../base/errors.ts";
import { isSecretVariable } from "../../settings/options.ts";

const SUFFIX = "_FILE";

/**
 * Reads secrets from files, as containers mount them: a function that asks for `DB_PASSWORD` receives the contents of the
 * file that `DB_PASSWORD_FILE` names, without the newline at the end. A variable that is set itself takes precedence.
 *
 * @param asked names of variables, or prefixes: `SMTP_*`
 * @throws {WarrenError} `config` if the file of a variable that is asked for by its full name cannot be read
 */
export function secretFiles(asked: readonly string[], env: Readonly<Record<string, string>>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [variable, file] of Object.entries(env)) {
    const name = variable.slice(0, -SUFFIX.length);
    if (!variable.endsWith(SUFFIX) || name === "" || file === "" || env[name] || isSecretVariable(name)) continue;
    const exact = asked.includes(name);
    if (!exact && !asked.some((each) => each.endsWith("*") && name.startsWith(each.slice(0, -1)))) continue;
    try {
      found[name] = Deno.readTextFileSync(file).replace(/\r?\n$/, "");
    } catch (cause) {
      // With a prefix, a variable that ends in _FILE may be something else, such as the path of a log.
      if (!exact) continue;
      const why = describeError(cause);
      throw new WarrenError("config", `${variable} names "${file}", which cannot be read: ${why}`, { cause });
    }
  }
  return found;
}
