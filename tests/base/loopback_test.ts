import { assert } from "@std/assert";
import { isLoopback, isLoopbackAuthority } from "../../lib/base/loopback.ts";

Deno.test("loopback is what only this machine reaches", () => {
  const hosts = ["localhost", "LocalHost", "127.0.0.1", "127.8.8.8", "::1", "[::1]", "::ffff:127.0.0.1"];
  for (const host of hosts) assert(isLoopback(host), host);
});

Deno.test("a name that only begins like loopback is another host", () => {
  const others = ["localhost.example", "127.0.0.1.example", "127.example", "0.0.0.0", "::", "10.0.0.1", "::10", ""];
  for (const host of others) assert(!isLoopback(host) && !isLoopbackAuthority(host), host);
});

Deno.test("a host and its port, as they stand in a URL, are of this machine or not", () => {
  for (const own of ["localhost:8000", "127.0.0.1", "[::1]:1", "[::1]"]) assert(isLoopbackAuthority(own), own);
  for (const other of ["example:80", "::1", "[::1]x", "localhost:80:80", "user@localhost", "localhost:"]) {
    assert(!isLoopbackAuthority(other), other);
  }
});
