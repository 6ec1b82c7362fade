/** A Python that has pika: the first on the path, or the system's, which has Debian's python3-pika. */
export function findPika(): string | undefined {
  return ["python3", "/usr/bin/python3"].find((python) => {
    try {
      return new Deno.Command(python, { args: ["-c", "import pika"], stdout: "null", stderr: "null" }).outputSync()
        .success;
    } catch {
      return false;
    }
  });
}

/** The tutorial's publisher: `publish(url, queue, bodies)` to the default exchange, the queue as routing key. */
const PUBLISHER = `
import sys, pika
connection = pika.BlockingConnection(pika.URLParameters(sys.argv[1]))
channel = connection.channel()
channel.queue_declare(queue=sys.argv[2])
for body in sys.argv[3:]:
    channel.basic_publish(exchange='', routing_key=sys.argv[2], body=body)
connection.close()
`;

/** The tutorial's receiver: one line for each message, after a first line that it consumes. */
const RECEIVER = `
import sys, pika
connection = pika.BlockingConnection(pika.URLParameters(sys.argv[1]))
channel = connection.channel()
channel.queue_declare(queue=sys.argv[2])
channel.basic_consume(queue=sys.argv[2], auto_ack=True,
                      on_message_callback=lambda ch, method, properties, body: print(body.decode(), flush=True))
print('waiting', flush=True)
channel.start_consuming()
`;

/** Runs the tutorial's publisher to its end. */
export async function pikaPublish(python: string, url: string, queue: string, bodies: string[]): Promise<void> {
  const command = new Deno.Command(python, { args: ["-c", PUBLISHER, withVhost(url), queue, ...bodies] });
  const { success, stderr } = await command.output();
  if (!success) throw new Error(`the pika publisher failed: ${new TextDecoder().decode(stderr)}`);
}

/** The tutorial's receiver in a process of its own; `received` grows while it runs. */
export class PikaReceiver implements AsyncDisposable {
  readonly received: string[] = [];
  readonly ready: Promise<void>;
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<void>;

  constructor(python: string, url: string, queue: string) {
    const args = ["-c", RECEIVER, withVhost(url), queue];
    this.#child = new Deno.Command(python, { args, stdin: "null", stdout: "piped", stderr: "inherit" }).spawn();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#read = this.#readLines(resolve).finally(() => reject(new Error("the pika receiver ended")));
    promise.catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It ended by itself.
    }
    await this.#child.status;
    await this.#read;
  }

  async #readLines(ready: () => void): Promise<void> {
    let rest = "";
    for await (const chunk of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        if (line === "waiting") ready();
        else this.received.push(line);
      }
    }
  }
}

/** pika takes an empty path for an empty vhost. */
function withVhost(url: string): string {
  const target = new URL(url);
  return target.pathname.length > 1 ? url : `${url.replace(/\/$/, "")}/%2F`;
}
