import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { readHost, readSecretUrl, shownUrl, withoutLogins } from "../../lib/base/secret_url.ts";

const RULES = { schemes: ["amqp:", "amqps:", "ws:", "wss:"], example: "amqp://user:password@host:5672/vhost" };
const read = (url: string) => readSecretUrl(url, "the URL", RULES);
const refusal = (url: string) => assertThrows(() => read(url), Error).message;

/** Ways to write a login that are refused, since a part of the password would be taken for something else. */
const REFUSED = [
  "amqp:guest:hunter2@host",
  "amqp:/guest:hunter2@host",
  "amqp:///guest:hunter2@host",
  "wss:guest:hunter2@host",
  "ws:\\\\guest:hunter2@host",
  "guest:hunter2@host",
  "hunter2:x@host",
  "http://guest:hunter2@host",
  "amqp://guest:12/hunter2@host",
  "amqp://guest:12#hunter2@host",
  "amqp://guest:12?hunter2@host",
  "amqp://guest:hunter2/x@host",
  "amqp://guest:hun ter2@host",
  "amqp://guest:hunter2\t@host",
  "amqp://guest:hunter2%@host",
  "amqp://guest:hunter2%zz@host",
  "amqp://user%:hunter2@host",
  "amqp://guest:hunter2%ff@host",
  "amqp://guest:hunter2@host:port",
  "amqp://host/guest:hunter2@x",
  "amqp://host/vhost#hunter2",
];

/** Ways that are read, with a password or a token somewhere. */
const READ = [
  "amqp://guest:hunter2@host/vhost",
  "amqp://hunter2@host",
  "amqp://hunter2:@host",
  "amqp://guest:hunter2@@host",
  "amqp://guest:x:hunter2@host",
  "amqp://guest:%68unter2@host",
  "amqps://host?password=hunter2",
  "wss://guest:hunter2@host/ws?token=hunter2",
];

Deno.test("a URL whose password could be taken for another part is refused, and nothing of it is quoted", () => {
  for (const url of REFUSED) {
    const message = refusal(url);
    assert(!/hun|ter2/.test(message), `${url}: ${message}`);
    assertStringIncludes(message, "the URL");
  }
});

Deno.test("the advice of a refusal is still whole where logins are hidden in it", () => {
  for (const url of ["amqp://guest:12/hunter2@host", "amqp://host/vhost#hunter2"]) {
    const shown = withoutLogins(`warren: AMQP_URL: ${refusal(url)}`);
    assertStringIncludes(shown, "/ is %2F, ? is %3F, # is %23, @ is %40, % is %25. Expected amqp://…@host:5672/vhost");
  }
});

Deno.test("no part of a URL that may be a secret is shown", () => {
  for (const url of [...REFUSED, ...READ]) {
    assert(!/hunter2/.test(shownUrl(url)), `${url}: ${shownUrl(url)}`);
    const text = withoutLogins(`cannot use "${url}"`);
    if (/hun.*ter2.*@|hunter2.*@/.test(url)) assert(!/hunter2.*@|ter2.*@/.test(text), text);
  }
  for (const url of READ) read(url);
  assertEquals(shownUrl("amqp://guest:hunter2@host:5672/a%2Fb"), "amqp://guest:…@host:5672/a/b");
  assertEquals(shownUrl("amqp://[::1]:5672/"), "amqp://[::1]:5672");
  assertEquals(shownUrl("amqp://host/%zz"), "amqp://host/%zz");
  assertEquals(withoutLogins('"amqp:guest:hunter2@host"'), '"amqp://…@host"');
  assertEquals(withoutLogins("no login in here"), "no login in here");
});

Deno.test("a bare percent sign names the part that it is in, and how it is written", () => {
  const bare = 'has a bare "%"; percent-encode it as %25';
  assertEquals(refusal("amqp://a%:b@h"), `the user of the URL ${bare}`);
  assertEquals(refusal("amqp://a:b%1@h"), `the password of the URL ${bare}`);
  assertEquals(refusal("amqp://a:b@h/50%"), `the path of the URL ${bare}`);
  assertStringIncludes(
    refusal("amqp://a:b%ff@h"),
    "the password of the URL has a percent-encoded character that is not UTF-8",
  );
});

Deno.test("a host is a name or an address, and a URL in its place is not quoted", () => {
  const hosts = ["127.0.0.1", "::1", "[::1]", "::", "localhost", "my-host.example"];
  assertEquals(hosts.map(readHost), ["127.0.0.1", "::1", "::1", "::", "localhost", "my-host.example"]);
  for (const wrong of ["amqp://u:hunter2@host", "host:5672", "u:hunter2@host", "[host]x", "", "a b"]) {
    assert(!assertThrows(() => readHost(wrong), Error).message.includes("hunter2"));
  }
});
