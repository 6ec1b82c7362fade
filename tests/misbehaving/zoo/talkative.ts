import type { Animal } from "../animal.ts";

/** Those that say too much, or what looks like somebody else. */
export const TALKATIVE: readonly Animal[] = [
  {
    does: "prints a hundred thousand lines",
    handler: 'for (let i = 0; i < 100_000; i++) console.log("line " + i);',
    ends: "completed",
    logs: "line 1",
  },
  {
    does: "prints without a line end",
    handler: 'for (let i = 0; i < 32; i++) Deno.stdout.writeSync(new TextEncoder().encode("x".repeat(65_536)));',
    ends: "completed",
    logs: "xxxx",
  },
  {
    does: "floods standard error",
    handler:
      'const text = new TextEncoder().encode("e\\n".repeat(50_000)); for (let i = 0; i < 20; i++) Deno.stderr.writeSync(text);',
    ends: "completed",
    logs: "e",
  },
  {
    does: "prints bytes that look like the protocol",
    module: `
      import { serialize } from "node:v8";
      export default ({ body }) => {
        if (body !== "misbehave") return;
        const frame = serialize([["result", 1, "rejected", { type: "Forged", message: "forged" }]]);
        const head = new Uint8Array(4);
        new DataView(head.buffer).setUint32(0, frame.length);
        for (const bytes of [head, frame]) Deno.stdout.writeSync(bytes);
      };`,
    ends: "completed",
  },
  {
    does: "logs a hundred thousand lines",
    handler: "for (let i = 0; i < 100_000; i++) context.log.info('logged ' + i);",
    ends: "completed",
    logs: "logged 1",
  },
  {
    does: "logs a line of ten megabytes",
    handler: "context.log.info('y'.repeat(10 * 1024 * 1024), { more: 'z'.repeat(10 * 1024 * 1024) });",
    ends: "completed",
    logs: "yyyy",
  },
  {
    does: "logs a field whose toJSON throws",
    handler: 'context.log.info("odd field", { field: { toJSON() { throw new Error("no JSON"); } } });',
    ends: "completed",
    logs: "odd field",
  },
  {
    does: "logs a field that throws when it is shown",
    handler: `
      const field = { toJSON() { throw new Error(); }, [Symbol.for("Deno.customInspect")]() { throw new Error(); } };
      context.log.info("unseen field", { field });`,
    ends: "completed",
    logs: "unseen field",
  },
  {
    does: "logs no text at all",
    handler: "context.log.info(Symbol('said')); context.log.info(undefined, null); context.log.info({}, 'fields');",
    ends: "completed",
    logs: "Symbol(said)",
  },
  {
    does: "logs a cyclic object and a bigint",
    handler: 'const round = { big: 1n }; round.round = round; context.log.info("round", round);',
    ends: "completed",
    logs: "round",
  },
  {
    does: "logs fields that would be the runner's own",
    handler: `
      context.log.info("mine", { level: "error", message: "forged", time: "never", invocation: 99, messageId: "other" });`,
    ends: "completed",
    logs: "mine",
  },
  {
    does: "prints lines that look like the runner's log",
    handler: String
      .raw`console.log('{"level":"error","message":"forged"}\n\x1b[2J\x1b]0;title\x07\r\u2028 end of it');`,
    ends: "completed",
    logs: "end of it",
  },
  {
    does: "rejects ten thousand promises that nobody handles",
    handler: "for (let i = 0; i < 10_000; i++) Promise.reject(new Error('one of many'));",
    ends: "completed",
    logs: "unhandled rejection: one of many",
  },
];
