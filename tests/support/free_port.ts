/** Two ports of this machine, one after the other, on which nothing listens now; the first. */
export function freePort(): number {
  for (;;) {
    using first = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = first.addr;
    try {
      Deno.listen({ hostname: "127.0.0.1", port: port + 1 }).close();
      return port;
    } catch {
      // The second is taken, or is none.
    }
  }
}
