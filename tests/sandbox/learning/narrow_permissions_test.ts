import { assertEquals } from "@std/assert";
import { narrowPermissions } from "../../../lib/sandbox/learning/narrow_permissions.ts";
import type { Asked } from "../../../lib/sandbox/learning/permission_broker.ts";

function narrow(
  asked: [Asked["name"], string][],
  env: Record<string, string> = {},
) {
  const toAsked = ([name, value]: [Asked["name"], string]) => ({ name, value });
  return narrowPermissions(asked.map(toAsked), {
    env,
    temporary: ["/var/tmp", "/tmp"],
    cwd: "/app",
  });
}

Deno.test("hosts have their port, and each is there once", () => {
  const { permissions } = narrow([
    ["net", "https://api.example.com/a"],
    ["net", "https://api.example.com/b"],
    ["net", "http://[::1]:8080/"],
    ["net", "db:5432"],
  ]);
  assertEquals(permissions, { net: ["[::1]:8080", "api.example.com:443", "db:5432"] });
});

Deno.test("variables that are set are granted, and the others are named", () => {
  const { permissions, unset } = narrow([["env", "B"], ["env", "A"], ["env", "HOST"]], { HOST: "x" });
  assertEquals([permissions, unset], [{ env: ["HOST"] }, ["A", "B"]]);
});

Deno.test("paths are relative below the working directory, and folders for temporary files stand for their files", () => {
  const { permissions } = narrow([
    ["read", "./templates/a.txt"],
    ["read", "/app/templates/b.txt"],
    ["read", "/etc/hosts"],
    ["read", "/app"],
    ["write", "<TMP>"],
    ["write", "/tmp/x-1/y"],
    ["write", "/tmpfile"],
  ]);
  assertEquals(permissions, {
    read: [".", "./templates/a.txt", "./templates/b.txt", "/etc/hosts"],
    write: ["/tmp", "/tmpfile", "/var/tmp"],
  });
});

Deno.test("what Deno never grants in part is left out", () => {
  assertEquals(narrow([["read", "/proc/self/exe"], ["write", "/dev/null"]]).permissions, { write: ["/dev/null"] });
});

Deno.test("a program without a path needs PATH", () => {
  assertEquals(narrow([["run", "ls"]]).permissions, { env: ["PATH"], run: ["ls"] });
  assertEquals(narrow([["run", "/bin/ls"]]).permissions, { run: ["/bin/ls"] });
});
