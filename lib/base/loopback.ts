const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|::ffff:127(\.\d{1,3}){3})$/i;
/** A name or an address, IPv6 in brackets, and a port. */
const AUTHORITY = /^(\[[^\]]*\]|[^:]*)(:\d+)?$/;

/** Whether only this machine reaches what listens there, or is this machine: a name or an address, brackets or not. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(/^\[(.*)\]$/.exec(host)?.[1] ?? host);
}

/** The same for what stands in a URL and in the header `Host`, with or without a port. */
export function isLoopbackAuthority(authority: string): boolean {
  const host = AUTHORITY.exec(authority)?.[1];
  return host !== undefined && isLoopback(host);
}
