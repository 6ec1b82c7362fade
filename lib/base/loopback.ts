const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|::ffff:127(\.\d{1,3}){3})$/i;
/** A host name or an address (IPv6 in brackets), and a port. */
const AUTHORITY = /^(\[[^\]]*\]|[^:]*)(:\d+)?$/;

/** Whether a host name or an address, with or without brackets, is this machine's loopback. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(/^\[(.*)\]$/.exec(host)?.[1] ?? host);
}

/** The same for the authority of a URL or a `Host` header, with or without a port. */
export function isLoopbackAuthority(authority: string): boolean {
  const host = AUTHORITY.exec(authority)?.[1];
  return host !== undefined && isLoopback(host);
}
