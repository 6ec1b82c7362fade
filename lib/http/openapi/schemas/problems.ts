import type { Issue } from "../../../invocation/outcome.ts";
import { integer, list, object, optional, ref, text } from "../schema.ts";

/** A problem document, RFC 9457, with the members that some problems have. */
interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  messageId?: string;
  error?: { type: string; message?: string; stack?: string };
  issues?: readonly Issue[];
}

export const PROBLEM_SCHEMAS = {
  Problem: object<ProblemDocument>({
    type: text(),
    title: text(),
    status: integer(),
    detail: text("What went wrong, and what to do about it."),
    instance: text("The path of the request."),
    messageId: optional(text("Of the message that failed.")),
    error: optional(object<NonNullable<ProblemDocument["error"]>>({
      type: text("The class of the error, as in `TypeError`."),
      message: optional(text()),
      stack: optional(text()),
    })),
    issues: optional(list(ref("Issue"))),
  }, "A problem document, RFC 9457."),
  Issue: object<Issue>({ message: text(), path: text("Path in the body, as in `items.0.price`.") }),
};
