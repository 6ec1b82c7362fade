import { assertEquals, assertThrows } from "@std/assert";
import { releasedChangelog, releasedSettings } from "../../deploy/release.ts";

const CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n\n## [0.1.0] - 2026-01-01\n\n- First.\n";

Deno.test("a release gives the unreleased changes its version, and leaves room for the next ones", () => {
  const { changelog, section } = releasedChangelog(CHANGELOG, "0.2.0", "2026-02-03");
  assertEquals(section, "### Added\n\n- A thing.");
  assertEquals(
    changelog,
    "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-02-03\n\n### Added\n\n- A thing.\n\n" +
      "## [0.1.0] - 2026-01-01\n\n- First.\n",
  );
  assertThrows(() => releasedChangelog(changelog, "0.3.0", "2026-02-04"), Error, "no changes");
  assertThrows(() => releasedChangelog("# Changelog\n", "0.3.0", "2026-02-04"), Error, "[Unreleased]");
});

Deno.test("a release changes the version in deno.json and nothing else", () => {
  const settings = '{\n  "name": "a",\n  "version": "0.1.0",\n  "tasks": { "version": "echo" }\n}\n';
  assertEquals(releasedSettings(settings, "0.2.0-rc.1"), settings.replace("0.1.0", "0.2.0-rc.1"));
  assertThrows(() => releasedSettings("{}", "0.2.0"), Error, "no version");
});
