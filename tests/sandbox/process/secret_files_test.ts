import { assertEquals, assertThrows } from "@std/assert";
import { WarrenError } from "../../../lib/base/errors.ts";
import { secretFiles } from "../../../lib/sandbox/process/secret_files.ts";
import { folder } from "../../loader/folder.ts";

Deno.test("a function that names a variable gets the text of the file that NAME_FILE names", async () => {
  await using dir = await folder({ "password": "s3cret\n", "user": "ann", "key": "k" });
  const env = {
    DB_PASSWORD_FILE: `${dir.path}/password`,
    SMTP_USER_FILE: `${dir.path}/user`,
    OTHER_FILE: `${dir.path}/key`,
  };
  assertEquals(secretFiles(["DB_PASSWORD", "SMTP_*"], env), { DB_PASSWORD: "s3cret", SMTP_USER: "ann" });
  assertEquals(secretFiles(["DB"], env), {});
});

Deno.test("a variable that is set wins over its file, and the runner's own secrets stay with it", async () => {
  await using dir = await folder({ "a": "from the file" });
  const file = `${dir.path}/a`;
  assertEquals(secretFiles(["KEY", "AMQP_URL"], { KEY: "set", KEY_FILE: file, AMQP_URL_FILE: file }), {});
});

Deno.test("a file that cannot be read is an error where its variable is asked for by name, and else not there", () => {
  const env = { SMTP_LOG_FILE: "/nowhere/smtp.log" };
  assertEquals(secretFiles(["SMTP_*"], env), {});
  assertThrows(() => secretFiles(["SMTP_LOG"], env), WarrenError, 'SMTP_LOG_FILE names "/nowhere/smtp.log"');
});
