/**
 * Reads URLs that may contain a password in any part. Errors never quote the URL; they name the part that is wrong.
 */

/** Whitespace and control characters. `URL` drops some of them silently. */
// deno-lint-ignore no-control-regex
const UNSEEN = /[\x00-\x20\x7f]/;

export interface UrlRules {
  /** Schemes with their colons, as in `amqp:`. */
  schemes: readonly string[];
  /** A valid URL, for error messages. */
  example: string;
}

/**
 * Parses a URL strictly and rejects ambiguous ones: a password that is parsed as another part would not work and would
 * be shown.
 *
 * @param which what errors call the URL
 * @throws {Error} that names the wrong part and quotes nothing
 */
export function readSecretUrl(text: string, which: string, { schemes, example }: UrlRules): URL {
  const scheme = schemes.find((scheme) => text.toLowerCase().startsWith(scheme));
  if (!scheme) {
    // Without "//", the text before the colon is no scheme but a user name or part of a password.
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

/** The example comes last: `withoutLogins` hides everything between a scheme and an `@`, even in our own errors. */
function encode(example: string): string {
  return "In a user, a password or a vhost, percent-encode these: / is %2F, ? is %3F, # is %23, @ is %40, % is %25. " +
    `Expected ${example}`;
}

/** The percent-encoded parts as the user typed them. `URL` changes them. */
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

/** A URL without its secrets: scheme, host and path. If there is a password, the user name is shown. */
export function shownUrl(text: string): string {
  if (!/^[a-z]+:\/\//i.test(text) || !URL.canParse(text)) return "a URL that cannot be read";
  const { protocol, host, username, password, pathname, search, hash } = new URL(text);
  // The part that looks like the host may then be half of a login.
  if (hash !== "" || /@/.test(pathname + search)) return "a URL that cannot be read";
  const login = password ? `${username}:…@` : username ? "…@" : "";
  const shown = `${protocol}//${login}${host}${pathname === "/" ? "" : pathname}`;
  try {
    return decodeURIComponent(shown);
  } catch {
    return shown;
  }
}

/** The login in a URL, or one without a scheme. */
const LOGINS = /\b(amqps?|wss?|rediss?|https?):[^"'\n]*@|[^\s"']+:[^\s"']+@/gi;

/** A text with the logins of all its URLs removed. */
export function withoutLogins(text: string): string {
  if (!text.includes("@")) return text;
  return text.replace(LOGINS, (_, scheme?: string) => scheme ? `${scheme}://…@` : "…@");
}

/**
 * Checks a host: a name or an address, IPv6 without brackets.
 *
 * @throws {Error} that does not quote the value, which may be a whole URL
 */
export function readHost(text: string): string {
  const host = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  const inUrl = host.includes(":") ? `[${host}]` : host;
  const plain = /^[\w.:-]+$/.test(host) && URL.canParse(`http://${inUrl}/`);
  if (plain) return host;
  throw new Error("expected a host's name or address alone, as in 127.0.0.1, ::1 or localhost");
}
