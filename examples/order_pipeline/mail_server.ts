/**
 * A mail server that delivers nothing, to try the example with: `deno run --allow-net mail_server.ts`. It shows who would
 * get which subject.
 */
export interface Mail {
  readonly to: string;
  readonly data: string;
}

/** Takes mails until it is closed. Port 0 is any free one. */
export function serveMail(onMail: (mail: Mail) => void, port = 2525): { port: number; close(): void } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  (async () => {
    for await (const connection of listener) void take(connection, onMail).catch(() => {});
  })().catch(() => {});
  return { port: listener.addr.port, close: () => listener.close() };
}

async function take(connection: Deno.TcpConn, onMail: (mail: Mail) => void): Promise<void> {
  const writer = connection.writable.getWriter();
  const say = (line: string) => writer.write(new TextEncoder().encode(`${line}\r\n`));
  await say("220 mail.example.com");
  let [rest, to, data]: [string, string, string[] | undefined] = ["", "", undefined];
  for await (const chunk of connection.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\r\n");
    rest = lines.pop()!;
    for (const line of lines) {
      if (data && line !== ".") data.push(line);
      else if (data) {
        onMail({ to, data: data.join("\n") });
        data = undefined;
        await say("250 taken");
      } else if (/^DATA/i.test(line)) {
        data = [];
        await say("354 go on");
      } else if (/^QUIT/i.test(line)) {
        await say("221 bye");
        return connection.close();
      } else {
        to = /^RCPT TO:<(.*)>/i.exec(line)?.[1] ?? to;
        await say("250 fine");
      }
    }
  }
}

if (import.meta.main) {
  serveMail(({ to, data }) => console.log(to, /^Subject: .*$/m.exec(data)?.[0]));
  console.log("taking mails at smtp://127.0.0.1:2525");
}
