import type { MiddlewareHandler } from "hono";

/**
 * Closes the connection of a request that was answered before its whole body was read. `Deno.serve()` would go on
 * reading what comes, for as long as it comes.
 *
 * @param linger milliseconds that the client has to read the answer. @default 1_000
 */
export function dropUnread(linger = 1_000): MiddlewareHandler {
  return async (context, next) => {
    await next();
    if (context.res.status === 101) return; // a WebSocket's request has no body any more
    const { body } = context.req.raw;
    // It is locked where it was read to its end.
    if (!body || body.locked) return;
    const reader = body.getReader();
    const close = () => void reader.cancel().catch(() => {});
    // Absent where a test calls the app without a socket.
    const { completed } = (context.env ?? {}) as Partial<Deno.ServeHandlerInfo>;
    if (!completed) return close();
    // While nobody reads and nobody cancels, the client cannot send more.
    completed.then(() => Deno.unrefTimer(setTimeout(close, linger)), close);
  };
}
