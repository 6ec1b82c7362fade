/**
 * URLs with a password in them, or in any part of them. Nothing here quotes what was given: an error names the part that
 * is wrong.
 */

/** Whitespace and control characters: `URL` drops some of them without a word. */
// deno-lint-ignore no-control-regex
const UNSEEN = /[\x00-\x20\x7f]/;

export interface UrlRules {
  /** With their colons, as in `amqp:`. */
  schemes: readonly string[];
  /** What is expected, for the errors. */
  example: string;
}

/**
 * Reads a URL strictly: whatever is ambiguous is refused, since a password that is taken for another part does not work,
 * and would be shown.
 *
 * @param which stands for the URL in the errors
 * @throws {Error} that names the part that is wrong, and quotes nothing
 */
export function readSecretUrl(text: string, which: string, { schemes, example }: UrlRules): URL {
  const scheme = schemes.find((scheme) => text.toLowerCase().startsWith(scheme));
  if (!scheme) {
    // Without "//", what is before the colon is no scheme: a user's name, or half a password.
    const found = /^([a-z][a-z0-9+.-]*:)\/\//i.exec(text)?.[1];
    throw new Error(`${which} must start with one of ${schemes.join(", ")}${found ? `, found ${found}` : ""}`);
  }
  if (!text.startsWith("//", scheme.length)) {
    throw new Error(`${which} needs "//" after "${scheme}"; expected ${example}`);
  }
  if (UNSEEN.test(text)) {
    throw new Error(`${which} has a space or a control character; percent-encode it (a space is %20)`);
  }
  for (const [part, encoded] of partsOf(text.slice(scheme.length + 2))) {
    assertEncoded(encoded, `the ${part} of ${which}`);
  }
  if (!URL.canParse(text)) throw new Error(`${which} cannot be read. ${encode(example)}`);
  const url = new URL(text);
  if (url.hash !== "" || /@/.test(url.pathname + url.search)) {
    throw new Error(`${which} has an "@" or a "#" after its host. ${encode(example)}`);
  }
  return url;
}

/** The example comes last: `withoutLogins` hides what is between a scheme and an `@`, also in an error of our own. */
function encode(example: string): string {
  return "In a user, a password or a vhost, percent-encode these: / is %2F, ? is %3F, # is %23, @ is %40, % is %25. " +
    `Expected ${example}`;
}

/** What is percent-encoded, as it was typed: `URL` changes it. */
function partsOf(text: string): [string, string][] {
  const authority = /^[^/?#]*/.exec(text)![0];
  const at = authority.lastIndexOf("@");
  const login = authority.slice(0, Math.max(at, 0));
  const colon = login.indexOf(":");
  const [user, password] = colon < 0 ? [login, ""] : [login.slice(0, colon), login.slice(colon + 1)];
  const path = /^[^?#]*/.exec(text.slice(authority.length))![0];
  return [["user", user], ["password", password], ["path", path]];
}

function assertEncoded(text: string, part: string): void {
  if (/%(?![0-9a-f]{2})/i.test(text)) throw new Error(`${part} has a bare "%"; percent-encode it as %25`);
  try {
    decodeURIComponent(text);
  } catch {
    throw new Error(`${part} has a percent-encoded character that is not UTF-8; percent-encode it as UTF-8`);
  }
}

/** A URL as it may be shown: scheme, host and path. A user is shown where a password is hidden. */
export function shownUrl(text: string): string {
  if (!/^[a-z]+:\/\//i.test(text) || !URL.canParse(text)) return "a URL that cannot be read";
  const { protocol, host, username, password, pathname, search, hash } = new URL(text);
  // Then what looks like the host may be half a login.
  if (hash !== "" || /@/.test(pathname + search)) return "a URL that cannot be read";
  const login = password ? `${username}:…@` : username ? "…@" : "";
  const shown = `${protocol}//${login}${host}${pathname === "/" ? "" : pathname}`;
  try {
    return decodeURIComponent(shown);
  } catch {
    return shown;
  }
}

/** A login in a URL, whatever is in it, and one without a scheme. */
const LOGINS = /\b(amqps?|wss?|rediss?|https?):[^"'\n]*@|[^\s"']+:[^\s"']+@/gi;

/** Any text, without what stands before the `@` of a URL in it. */
export function withoutLogins(text: string): string {
  if (!text.includes("@")) return text;
  return text.replace(LOGINS, (_, scheme?: string) => scheme ? `${scheme}://…@` : "…@");
}

/**
 * What stands for a host: a name or an address, IPv6 without its brackets.
 *
 * @throws {Error} that quotes nothing: a whole URL may have been given
 */
export function readHost(text: string): string {
  const host = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  const inUrl = host.includes(":") ? `[${host}]` : host;
  const plain = /^[\w.:-]+$/.test(host) && URL.canParse(`http://${inUrl}/`);
  if (plain) return host;
  throw new Error("expected a host's name or address alone, as in 127.0.0.1, ::1 or localhost");
}
