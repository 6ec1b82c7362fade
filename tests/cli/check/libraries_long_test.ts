import { assertEquals } from "@std/assert";
import { folder } from "../../loader/folder.ts";
import { runMain } from "../run_command.ts";

/** What may be answered where no server is there, or none that knows this user: the library got as far as that. */
const EXPECTED = String.raw`/refused|ESOCKET|ECONNECTION|auth|role|password/i.test(error.message + error.code)`;
const LIBRARIES = {
  "mail.ts": `import mailer from "npm:nodemailer@7.0.11";
    export default async () => {
      const transport = mailer.createTransport({ host: "127.0.0.1", port: 1 });
      await transport.sendMail({ from: "a@example.com", to: "b@example.com", text: "x" }).catch((error) => {
        if (!${EXPECTED}) throw error;
      });
    };`,
  "picture.ts": `import sharp from "npm:sharp@0.34.5";
    export default async () => {
      const picture = sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } });
      return (await picture.png().toBuffer()).length;
    };`,
  "database.ts": `import postgres from "npm:postgres@3.4.7";
    export default async () => {
      const sql = postgres("postgres://nobody:x@127.0.0.1:1/x", { connect_timeout: 1 });
      await sql\`select 1\`.catch((error) => {
        if (!${EXPECTED}) throw error;
      });
      await sql.end();
    };`,
  "cache.ts": `import { Redis } from "npm:ioredis@5.8.2";
    export default async () => {
      const redis = new Redis("redis://127.0.0.1:1", { maxRetriesPerRequest: 0, retryStrategy: () => null });
      redis.on("error", () => {});
      await redis.get("x").catch(() => {});
      redis.disconnect();
    };`,
  "storage.ts": `import { PutObjectCommand, S3Client } from "npm:@aws-sdk/client-s3@3.936.0";
    export default async () => {
      const endpoint = "http://127.0.0.1:8";
      const s3 = new S3Client({ region: "eu-west-1", endpoint, forcePathStyle: true, maxAttempts: 1 });
      await s3.send(new PutObjectCommand({ Bucket: "b", Key: "k", Body: "x" })).catch((error) => {
        if (!${EXPECTED}) throw error;
      });
    };`,
};

for (const file of Object.keys(LIBRARIES)) {
  const name = file.replace(".ts", "");
  Deno.test(`check --permissions finds what a ${name} library needs, and the function runs with exactly that`, async () => {
    await using functions = await folder(LIBRARIES);
    const env = { FUNCTIONS_DIR: functions.path, AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" };
    const { code, stdout, stderr } = await runMain(["check", "--permissions", name, "1", "--json"], env);
    assertEquals(code, 0, stdout + stderr);
    const { outcomes, permissions } = JSON.parse(stdout);
    assertEquals(outcomes, ["completed", "completed"]);
    const net = { mail: ["127.0.0.1:1"], database: ["127.0.0.1:1"], cache: ["127.0.0.1:1"], storage: ["127.0.0.1:8"] };
    assertEquals(permissions.net, net[name as keyof typeof net]);
    assertEquals(permissions.run, undefined);
  });
}
