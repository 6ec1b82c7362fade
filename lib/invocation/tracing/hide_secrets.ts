/** Names of parameters whose values are secrets, or parts of a signature. */
const SECRET = "token|secret|passw|api[-_]?key|access[-_]?key|signature|credential|auth";
const PARAMETERS = new RegExp(`(^|[?&])([^=&#?/:]*(?:${SECRET})[^=&#?/:]*|key|sig|code)=[^&#]*`, "gi");
const USER = /^([a-z][a-z\d+.-]*:\/\/)[^/?#@]*@/i;
const HIDDEN = "REDACTED";

let hidden = false;

/**
 * From here on, no span of this process has a secret of a URL. Deno writes the whole URL of each request into its own
 * spans, and has no setting for that.
 *
 * @param span any span of Deno's
 */
export function hideSecretsOfUrls(span: object): void {
  if (hidden) return;
  hidden = true;
  const spans = Object.getPrototypeOf(span);
  const { setAttribute } = spans;
  spans.setAttribute = function (this: object, name: string, value: unknown) {
    const isUrl = typeof value === "string" && (name === "url.full" || name === "url.query");
    return setAttribute.call(this, name, isUrl ? withoutSecrets(value) : value);
  };
}

/** A URL or its query without passwords, and without the values of parameters that are secret by their names. */
export function withoutSecrets(url: string): string {
  return url.replace(USER, `$1${HIDDEN}:${HIDDEN}@`).replace(PARAMETERS, `$1$2=${HIDDEN}`);
}
