/** What an attempt is after; it gets it as the body of its message. */
export interface Targets {
  /** Where somebody listens and counts who comes. */
  readonly host: string;
  readonly port: number;
  /** Where somebody answers who may be asked, and redirects to the other. */
  readonly allowedPort: number;
  /** A file that it may not read, with a secret in it; JSON, and code. */
  readonly secretJson: string;
  readonly secretCode: string;
  /** A folder that it may be allowed, with a link in it that leads to the secrets. */
  readonly allowed: string;
  /** A folder of the runner's own, with the sockets. */
  readonly folder: string;
  readonly runner: number;
  /** The process of another function. */
  readonly other: number;
}

/** One way to reach what a function must not. */
export interface Attempt {
  /** As a sentence without its subject. */
  readonly tries: string;
  /** Imports of its module. */
  readonly imports?: string;
  /**
   * Statements of an async handler. `at` are the targets; `loot()` says that it worked, and with what.
   */
  readonly handler: string;
  readonly permissions?: Record<string, boolean | string[]>;
  /** A part of the error that it gets; without one it just finds nothing. */
  readonly gets?: string;
  /** @default "failed" where it gets an error, else "completed" */
  readonly ends?: "crashed";
}

/** The source of its module. */
export function moduleOf({ imports = "", handler }: Attempt): string {
  return `
    ${imports}
    export default async ({ body: at }, context) => {
      // What its process was started with is no secret to it.
      const [socket] = /\\/[^"]+\\.sock/.exec(decodeURIComponent(Deno.mainModule));
      const loot = (what) => context.publish(String(what), { routingKey: "loot" });
      ${handler}
    };`;
}
