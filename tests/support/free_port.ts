/** Below what the systems give to whoever asks for any port: none of those takes it meanwhile. */
const FIRST = 20_000;
const LAST = 32_000;

/** Two ports of this machine, one after the other, on which nothing listens now; the first. */
export function freePort(): number {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (isFree(port) && isFree(port + 1)) return port;
  }
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch {
    return false;
  }
}
