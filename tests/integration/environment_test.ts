import { assertEquals } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { BrokerClient } from "../support/broker_client.ts";
import { brokerTest } from "../support/brokers.ts";
import { handledBy, startServing, troubleOf } from "../support/serving.ts";

/** Looks at variables when it is imported, as nodemailer, pg and ioredis do. */
const PACKAGE = `
  import process from "node:process";
  export const host = process.env.SMTP_HOST ?? "localhost";
  export const debug = process.env.SMTP_DEBUG === "1";
  export const user = process.env.MAIL_USER || process.env.API_TOKEN || "nobody";`;

brokerTest(
  "a function whose package looks at variables runs with those it is granted, and the log says the others once",
  async (url) => {
    await using broker = await BrokerClient.connect(url);
    const queue = broker.queue("mail");
    await using functions = await folder({
      "_mailer.ts": PACKAGE,
      "mail.ts": `
      import { debug, host, user } from "./_mailer.ts";
      export const config = { queue: "${queue}", permissions: { env: ["SMTP_*"] } };
      export default (_, { log }) => log.info("handled", { debug, host, user });`,
    });
    const env = { SMTP_HOST: "mail.example", MAIL_USER: "ann", API_TOKEN: "s3cret-t0ken" };
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path, env });
    await broker.publish(queue, ["a", "b"]);
    await runner.waitForLog(() => handledBy(runner).length === 2);
    for (const { debug, host, user } of handledBy(runner)) {
      assertEquals({ debug, host, user }, { debug: false, host: "mail.example", user: "nobody" });
    }
    const said = troubleOf(runner).map(({ message }) => message);
    assertEquals(said, [
      "the runner's own secrets are in no function's environment: API_TOKEN",
      "the function looks at environment variables that its config does not grant, and finds nothing: MAIL_USER; " +
      'the runner has MAIL_USER. To grant them: permissions: { env: ["SMTP_*", "MAIL_USER"] }',
    ]);
  },
);
