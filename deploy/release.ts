/**
 * Makes a release: `deno task release 0.2.0` gives the unreleased changes in CHANGELOG.md the version and today's date,
 * sets the version in deno.json, checks that the package can be published, commits and tags. It pushes nothing.
 */

/** Versions of releases: three numbers, and what may follow for a pre-release. */
const VERSION = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;
const UNRELEASED = "## [Unreleased]\n";

/**
 * The changelog with the unreleased changes as those of a version, below an empty section for the next ones.
 *
 * @param date as in 2026-01-31
 * @returns the whole text, and the text of the version's section
 * @throws {Error} if there are no unreleased changes
 */
export function releasedChangelog(
  changelog: string,
  version: string,
  date: string,
): { changelog: string; section: string } {
  const start = changelog.indexOf(UNRELEASED);
  if (start < 0) throw new Error(`CHANGELOG.md has no line "${UNRELEASED.trim()}"`);
  const after = changelog.slice(start + UNRELEASED.length);
  const end = after.search(/^## /m);
  const section = (end < 0 ? after : after.slice(0, end)).trim();
  if (section === "") throw new Error(`CHANGELOG.md has no changes below "${UNRELEASED.trim()}"`);
  const heading = `## [${version}] - ${date}\n`;
  return { changelog: `${changelog.slice(0, start)}${UNRELEASED}\n${heading}${after}`, section };
}

/** The text of deno.json with another version. */
export function releasedSettings(settings: string, version: string): string {
  const changed = settings.replace(/^(\s*"version": )"[^"]*"/m, (_, key) => `${key}"${version}"`);
  if (JSON.parse(changed).version !== version) throw new Error("deno.json has no version");
  return changed;
}

async function run(command: string, ...args: string[]): Promise<string> {
  const { success, stdout } = await new Deno.Command(command, { args, stdin: "null", stderr: "inherit" }).output();
  if (!success) throw new Error(`${command} ${args.join(" ")} failed`);
  return new TextDecoder().decode(stdout).trim();
}

async function release(version: string): Promise<void> {
  if (!VERSION.test(version)) throw new Error(`expected a version, as in 0.2.0, found "${version}"`);
  if (await run("git", "status", "--porcelain") !== "") throw new Error("there are changes that are not committed");
  const changed = releasedChangelog(
    await Deno.readTextFile("CHANGELOG.md"),
    version,
    new Date().toISOString().slice(0, 10),
  );
  await Deno.writeTextFile("CHANGELOG.md", changed.changelog);
  await Deno.writeTextFile("deno.json", releasedSettings(await Deno.readTextFile("deno.json"), version));
  await run(Deno.execPath(), "publish", "--dry-run", "--allow-dirty", "--quiet");
  await run("git", "commit", "--quiet", "--message", `Release ${version}`, "CHANGELOG.md", "deno.json");
  await run("git", "tag", "--annotate", `v${version}`, "--cleanup=verbatim", "--message", changed.section);
  console.log(`v${version} is committed and tagged. To release it: git push --follow-tags, then deno publish`);
}

if (import.meta.main) {
  try {
    await release(Deno.args[0] ?? "");
  } catch (error) {
    console.error(`release: ${(error as Error).message}`);
    Deno.exit(1);
  }
}
