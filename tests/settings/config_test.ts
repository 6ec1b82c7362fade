import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type CommandFlag, localBrokerUrl, parseArguments } from "../../lib/settings/config.ts";
import { OPTIONS } from "../../lib/settings/options.ts";
import { WarrenError } from "../../lib/base/errors.ts";

const JSON_FLAG: CommandFlag = { flag: "json", text: "" };
const HEADER_FLAG: CommandFlag = { flag: "header", value: "KEY=VALUE", text: "", repeated: true };

/** Self-signed; its key is nowhere. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBcDCCARWgAwIBAgIUbp0Ldk6KqVd0r7J3BgmDzcBqsJMwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBdDAgFw0yNjExMjcwMDQ5NDVaGA8yMTI2MTEwMzAwNDk0NVow
DDEKMAgGA1UEAwwBdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIpXzK6Uzaz5
mMMg181Mtvl812nE+lXghm/YetCk4cyvQFI5ocI51UHk9LDQ9swOYiSBNESU165d
iOZNRHGa1nWjUzBRMB0GA1UdDgQWBBTk5qaNi6CWgum4E9LeKbe1Q8ClCDAfBgNV
HSMEGDAWgBTk5qaNi6CWgum4E9LeKbe1Q8ClCDAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0kAMEYCIQCxOsFmpqwW+myN2QQHokQAGzUQYZDcrKhjvTsL5z+e
GQIhAPttu2avaCX8o/fwOsbbO20Z6F4UvoJmM3Qr4be9FblV
-----END CERTIFICATE-----
`;

/** The message of the error that the arguments or the environment give. */
function wrong(args: string[], env: Record<string, string> = {}, flags: CommandFlag[] = []): string {
  const error = assertThrows(() => parseArguments(args, env, flags), WarrenError);
  assertEquals(error.code, "config");
  return error.message;
}

Deno.test("without flags and environment, every option has its default", () => {
  const { options, positional } = parseArguments([], {});
  assertEquals(positional, []);
  assertEquals(options, {
    amqpUrl: undefined,
    broker: "auto",
    brokerHost: "127.0.0.1",
    brokerPort: 5672,
    brokerWsPort: 5673,
    brokerWsPortAsked: false,
    brokerUsers: {},
    brokerMemory: 512 * 1024 * 1024,
    brokerDiskFree: 50 * 1024 * 1024,
    data: ".warren",
    vhost: "/",
    managementUrl: undefined,
    ca: undefined,
    heartbeat: 20_000,
    name: "warren",
    queueType: undefined,
    functionsDir: "./functions",
    watch: true,
    host: "127.0.0.1",
    port: 8000,
    portAsked: false,
    apiToken: undefined,
    apiReadToken: undefined,
    strictReady: false,
    maxBody: 16 * 1024 * 1024,
    permissionsCeiling: undefined,
    learnPermissions: false,
    download: true,
    production: false,
    envFile: undefined,
    codeRoot: undefined,
    onceStore: undefined,
    onceKeep: 604_800_000,
    drainTimeout: 25_000,
    runsKeep: 100_000,
    runsAge: 604_800_000,
    runsBodies: false,
    metricsFunctions: 500,
    logLevel: "info",
    logCompleted: "none",
    logFormat: undefined,
  });
});

Deno.test("a flag beats the environment, and that beats the default", () => {
  const env = { PORT: "9001", DRAIN_TIMEOUT: "1m", LOG_LEVEL: "" };
  const { options } = parseArguments(["--port=9002"], env);
  assertEquals([options.port, options.drainTimeout, options.logLevel], [9002, 60_000, "info"]);
});

Deno.test("files of variables may be several flags, or one with commas", () => {
  const { options } = parseArguments(["--env-file", "a", "--env-file=b, c"], { ENV_FILE: "d" });
  assertEquals(options.envFile, ["a", "b", "c"]);
});

Deno.test("a port counts as asked for, even when it is the default one", () => {
  assert(parseArguments([], { PORT: "8000" }).options.portAsked);
  assert(parseArguments(["--port", "8000"], {}).options.portAsked);
});

Deno.test("the broker's WebSocket port is the one after its port, or any, unless it is asked for", () => {
  const ports = (env: Record<string, string>) => {
    const { brokerWsPort, brokerWsPortAsked } = parseArguments([], env).options;
    return [brokerWsPort, brokerWsPortAsked];
  };
  assertEquals(ports({ BROKER_PORT: "7000" }), [7001, false]);
  assertEquals(ports({ BROKER_PORT: "0" }), [0, false]);
  assertEquals(ports({ BROKER_PORT: "65535" }), [0, false]);
  assertEquals(ports({ BROKER_WS_PORT: "5673" }), [5673, true]);
});

Deno.test("the broker's users are names with passwords, which no error shows", () => {
  const users = (text: string) => parseArguments([], { BROKER_USERS: text }).options.brokerUsers;
  assertEquals(users("ann:a:b, bob:=x"), { ann: "a:b", bob: "=x" });
  assertEquals(wrong([], { BROKER_USERS: "ann:x,hunter2" }), "BROKER_USERS: user 2 is not name:password");
  assertEquals(wrong([], { BROKER_USERS: "ann:hunter2,ann:x" }), "BROKER_USERS: a name is there twice");
  assertEquals(wrong([], { BROKER_USERS: "," }), "BROKER_USERS: expected name:password,name:password");
  assertStringIncludes(wrong([], { BROKER: "some" }), 'BROKER: expected auto, embedded, none, found "some"');
});

Deno.test("the broker of this machine is reached as its first user, or as guest", () => {
  const url = (env: Record<string, string>) => localBrokerUrl(parseArguments([], env).options);
  assertEquals(url({}), "amqp://guest:guest@127.0.0.1:5672");
  assertEquals(url({ BROKER_USERS: "a@n:p/w,bob:x", BROKER_PORT: "7000" }), "amqp://a%40n:p%2Fw@127.0.0.1:7000");
  assertEquals(url({ BROKER_HOST: "0.0.0.0" }), "amqp://guest:guest@127.0.0.1:5672");
  assertEquals(url({ BROKER_HOST: "::" }), "amqp://guest:guest@[::1]:5672");
  assertStringIncludes(assertThrows(() => url({ BROKER_PORT: "0" }), WarrenError).message, "BROKER_PORT is 0");
});

Deno.test("a flag's value is the next argument, or what follows =", () => {
  const { options, positional } = parseArguments(["--host", "localhost", "hello", "--name=a=b", "-1"], {});
  assertEquals([options.host, options.name, positional], ["localhost", "a=b", ["hello", "-1"]]);
});

Deno.test("what follows -- is no flag", () => {
  assertEquals(parseArguments(["hello", "--", "--port"], {}).positional, ["hello", "--port"]);
});

Deno.test("--no-watch, --watch and --watch=false say whether it watches", () => {
  const watches = (...args: string[]) => parseArguments(args, { WATCH: "no" }).options.watch;
  assertEquals([watches(), watches("--watch"), watches("--no-watch"), watches("--watch=false")], [
    false,
    true,
    false,
    false,
  ]);
  assertEquals(wrong(["--no-watch=yes"]), "--no-watch takes no value");
});

Deno.test("a command's own flags keep all their values", () => {
  const { flags } = parseArguments(["--header", "a=1", "--json", "--header=b=2"], {}, [JSON_FLAG, HEADER_FLAG]);
  assertEquals([...flags], [["header", ["a=1", "b=2"]], ["json", ["true"]]]);
  assertEquals(wrong(["--json=yes"], {}, [JSON_FLAG]), "--json takes no value");
});

Deno.test("an unknown flag is an error that names the nearest known one", () => {
  assertEquals(wrong(["--prot", "1"]), "unknown flag --prot; did you mean --port?");
  assertEquals(wrong(["--jsn"], {}, [JSON_FLAG]), "unknown flag --jsn; did you mean --json?");
  assertEquals(wrong(["--no-wacth"]), "unknown flag --no-wacth; did you mean --no-watch?");
  assertStringIncludes(wrong(["--entirely-else"]), "unknown flag --entirely-else; --help lists");
});

Deno.test("a flag without its value is an error", () => {
  assertEquals(wrong(["--port"]), "--port needs a value");
});

Deno.test("an error says whether a flag or a variable is wrong, and quotes the value", () => {
  assertEquals(wrong(["--port", "80a"]), '--port: expected a port from 0 to 65535, found "80a"');
  assertStringIncludes(wrong([], { PORT: "65536" }), 'PORT: expected a port from 0 to 65535, found "65536"');
  assertStringIncludes(wrong([], { LOG_FORMAT: "xml" }), 'LOG_FORMAT: expected text, json, found "xml"');
  assertStringIncludes(wrong([], { DRAIN_TIMEOUT: "soon" }), "DRAIN_TIMEOUT: ");
  assertStringIncludes(wrong([], { WATCH: "perhaps" }), 'WATCH: expected true or false, found "perhaps"');
  assertStringIncludes(wrong([], { AMQP_CA: "/no/such.pem" }), 'AMQP_CA: "/no/such.pem" cannot be read: No such file');
});

Deno.test("sizes are bytes, or a number and a unit", () => {
  const size = (text: string) => parseArguments(["--max-body", text], {}).options.maxBody;
  assertEquals(["10", "1KB", "1.5mb", "1 GB"].map(size), [10, 1024, 1_572_864, 1_073_741_824]);
  assertStringIncludes(wrong(["--max-body", "1 horse"]), 'expected bytes, as in 16MB, found "1 horse"');
});

Deno.test("several broker URLs are kept in their order", () => {
  const { options } = parseArguments([], { AMQP_URL: "amqps://a, ws://b/ws,wss://c" });
  assertEquals(options.amqpUrl, ["amqps://a", "ws://b/ws", "wss://c"]);
});

Deno.test("no error shows a password", () => {
  for (
    const url of [
      "http://user:hunter2@host",
      "user:hunter2@host",
      "hunter2:x@host",
      "amqp://u:hunter2@host:port",
      " , ",
    ]
  ) {
    const message = wrong([], { AMQP_URL: url });
    assert(!message.includes("hunter2"), message);
    assertStringIncludes(message, "AMQP_URL: ");
  }
  assertStringIncludes(
    wrong([], { AMQP_URL: "http://host" }),
    "must start with one of amqp:, amqps:, ws:, wss:, found http:",
  );
  assertStringIncludes(wrong([], { AMQP_URL: "amqp://host,ftp://host" }), "URL 2");
  assertEquals(wrong([], { API_TOKEN: "hunter 2" }), "API_TOKEN: expected visible ASCII characters without spaces");
});

Deno.test("a read token without an API token, or equal to it, is an error", () => {
  assertStringIncludes(wrong([], { API_READ_TOKEN: "r" }), "API_READ_TOKEN is set and API_TOKEN is not");
  assertStringIncludes(wrong([], { API_TOKEN: "same", API_READ_TOKEN: "same" }), "API_READ_TOKEN is the same as");
  assertEquals(parseArguments([], { API_TOKEN: "w", API_READ_TOKEN: "r" }).options.apiReadToken, "r");
});

Deno.test("learning permissions and a ceiling for them exclude each other", () => {
  const env = { LEARN_PERMISSIONS: "true", PERMISSIONS_CEILING: "net" };
  assertStringIncludes(wrong([], env), "LEARN_PERMISSIONS grants every permission, and PERMISSIONS_CEILING is set");
});

Deno.test("a bare percent sign is an error at the start, which names the part that it is in", () => {
  const bare = 'has a bare "%"; percent-encode it as %25';
  assertEquals(wrong([], { AMQP_URL: "amqp://guest:hunter2%@host" }), `AMQP_URL: the password of the URL ${bare}`);
  assertEquals(wrong([], { AMQP_URL: "amqp://a,amqp://b/c%" }), `AMQP_URL: the path of URL 2 ${bare}`);
  assertEquals(wrong([], { ONCE_STORE: "redis://u:p%@h" }), `ONCE_STORE: the password of the Redis URL ${bare}`);
});

Deno.test("AMQP_CA is a file with certificates, all of which can be read", async () => {
  const file = await Deno.makeTempFile();
  const refusal = async (text: string) => {
    await Deno.writeTextFile(file, text);
    return wrong([], { AMQP_CA: file });
  };
  try {
    for (const text of ["", "no certificate", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"]) {
      assertStringIncludes(await refusal(text), `AMQP_CA: "${file}" holds no certificate; expected PEM`);
    }
    const broken = CERTIFICATE.replace("MIIB", "AAAA");
    assertStringIncludes(await refusal(CERTIFICATE + broken), `certificate 2 of 2 in "${file}" cannot be read`);
    await Deno.writeTextFile(file, `# a comment\n${CERTIFICATE}${CERTIFICATE}`);
    assertStringIncludes(parseArguments([], { AMQP_CA: file }).options.ca ?? "", "BEGIN CERTIFICATE");
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("HOST and BROKER_HOST take IPv6 with and without brackets, and quote no URL", () => {
  const { options } = parseArguments(["--host", "[::1]"], { BROKER_HOST: "::1" });
  assertEquals([options.host, options.brokerHost], ["::1", "::1"]);
  for (const env of ["HOST", "BROKER_HOST"]) {
    const message = wrong([], { [env]: "amqp://u:hunter2@host" });
    assertStringIncludes(message, `${env}: expected a host's name or address alone`);
    assert(!message.includes("hunter2"));
  }
});

Deno.test("a secret can come from a file, without the line end", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "s3cret\n");
    assertEquals(parseArguments([], { API_TOKEN_FILE: file }).options.apiToken, "s3cret");
    await Deno.writeTextFile(file, "amqp://host\r\n");
    assertEquals(parseArguments([], { AMQP_URL_FILE: file }).options.amqpUrl, ["amqp://host"]);
    await Deno.writeTextFile(file, "\n");
    assertStringIncludes(wrong([], { API_TOKEN_FILE: file }), "API_TOKEN_FILE: expected visible");
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("a secret and its file together are an error, and so is a file that cannot be read", () => {
  assertEquals(
    wrong([], { API_TOKEN: "a", API_TOKEN_FILE: "/b" }),
    "both API_TOKEN and API_TOKEN_FILE are set; keep one of them",
  );
  assertStringIncludes(
    wrong([], { AMQP_URL_FILE: "/no/such" }),
    'AMQP_URL_FILE names "/no/such", which cannot be read: No such file',
  );
});

Deno.test("no two options share a flag, a variable or a key", () => {
  for (const part of ["flag", "env", "key"] as const) {
    assertEquals(new Set(OPTIONS.map((option) => option[part])).size, OPTIONS.length);
  }
});

Deno.test("ONCE_STORE is SQLite, Redis or a module, and what is wrong with it is said without quoting it", () => {
  const storeFor = (text: string) => parseArguments(["--once-store", text], {}).options.onceStore;
  assertEquals(storeFor("sqlite:/data/once.db"), { kind: "sqlite", path: "/data/once.db" });
  assertEquals(storeFor("sqlite:///data/once.db"), { kind: "sqlite", path: "/data/once.db" });
  assertEquals(storeFor("sqlite:once.db"), { kind: "sqlite", path: "once.db" });
  for (const url of ["redis://:secret@host:6379/2", "rediss://user:secret@host"]) {
    assertEquals(storeFor(url), { kind: "redis", url });
  }
  for (const path of ["./store.ts", "/etc/warren/store.mjs", "file:///etc/warren/store.js"]) {
    assertEquals(storeFor(path), { kind: "module", path });
  }
  for (const given of ["redis:secret", "redis://", "redis://h/secret", "postgres://a:secret@h", "secret", "sqlite:"]) {
    const message = wrong(["--once-store", given]);
    assertStringIncludes(message, "--once-store: ");
    assert(!message.includes("secret"), message);
  }
});

Deno.test("ONCE_KEEP is a duration of a minute or more", () => {
  assertEquals(parseArguments(["--once-keep", "30d"], {}).options.onceKeep, 30 * 86_400_000);
  for (const given of ["10s", "4000d", "soon"]) assertStringIncludes(wrong(["--once-keep", given]), "--once-keep: ");
});
