import { describeError, WarrenError } from "../../base/errors.ts";
import { isSecretVariable } from "../../settings/options.ts";

const SUFFIX = "_FILE";

/**
 * Secrets that are in files, as containers have them: a function that asks for `DB_PASSWORD` gets the text of the file
 * that `DB_PASSWORD_FILE` names, without the newline at its end. The runner reads it, with its own rights. A variable that
 * is set itself wins.
 *
 * @param asked names of variables; `SMTP_*` is every one that begins so
 * @throws {WarrenError} `config` where a file that is asked for by its name cannot be read
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
      // Not every variable of this form names a secret: only one that is asked for by its name has to be there.
      if (!exact) continue;
      const why = describeError(cause);
      throw new WarrenError("config", `${variable} names "${file}", which cannot be read: ${why}`, { cause });
    }
  }
  return found;
}
