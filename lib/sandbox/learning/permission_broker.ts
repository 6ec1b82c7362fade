import { join } from "node:path";
import type { Permissions } from "../../settings/ceiling.ts";

/** One permission that a process asked for. */
export interface Asked {
  readonly name: keyof Permissions;
  readonly value: string;
}

/**
 * Variable of Deno that names a Unix socket. A process with it asks there for each permission, instead of following its
 * flags (https://docs.deno.com/runtime/fundamentals/security/#permission-broker).
 */
export const BROKER_VARIABLE = "DENO_PERMISSION_BROKER_PATH";

interface Request {
  readonly id: number;
  readonly permission: keyof Permissions;
  readonly value: string | null;
}

/** Grants every permission that processes ask for, and records it. */
export class PermissionBroker implements AsyncDisposable {
  /** The socket, for BROKER_VARIABLE. */
  readonly path: string;
  readonly #listener: Deno.Listener<Deno.UnixConn>;
  readonly #asked = new Map<string, Asked>();
  readonly #serving: Promise<void>;
  readonly #connections = new Set<Promise<void>>();

  readonly #onAsked: (asked: Asked) => void;

  /**
   * @param folder where the socket is made
   * @param onAsked called at the first time of each permission. @default nothing
   */
  constructor(folder: string, onAsked: (asked: Asked) => void = () => {}) {
    this.#onAsked = onAsked;
    this.path = join(folder, "permissions.sock");
    this.#listener = Deno.listen({ transport: "unix", path: this.path });
    this.#serving = this.#serve();
  }

  /** What was asked for, each once, in the order of its first time. */
  get asked(): readonly Asked[] {
    return [...this.#asked.values()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
    await Promise.all(this.#connections);
    await Deno.remove(this.path).catch(() => {});
  }

  async #serve(): Promise<void> {
    try {
      for await (const connection of this.#listener) {
        const answering = this.#answer(connection).catch(() => {}).finally(() => this.#connections.delete(answering));
        this.#connections.add(answering);
      }
    } catch {
      // It was closed.
    }
  }

  /** The process waits for each answer. */
  async #answer(connection: Deno.UnixConn): Promise<void> {
    using _ = connection;
    const listing = new Listing();
    const writer = connection.writable.getWriter();
    const encoder = new TextEncoder();
    let rest = "";
    for await (const chunk of connection.readable.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const request: Request = JSON.parse(line);
        if (!listing.includes(request) && request.value !== BROKER_VARIABLE) this.#record(request);
        const answer = { id: request.id, ...(mayHave(request) ? { result: "allow" } : { result: "deny", reason: "" }) };
        await writer.write(encoder.encode(JSON.stringify(answer) + "\n"));
      }
    }
  }

  #record({ permission: name, value }: Request): void {
    const key = `${name} ${value}`;
    if (value === null || this.#asked.has(key)) return;
    const asked = { name, value };
    this.#asked.set(key, asked);
    this.#onAsked(asked);
  }
}

/** A process that may not run every program asks for each program by its name. */
function mayHave({ permission, value }: Request): boolean {
  return permission !== "run" || value !== null;
}

/**
 * Recognises the requests of a program that lists its environment: one for all of it, and then one or two for each
 * variable. It needs none of them, since a list without them works as well.
 */
class Listing {
  /** How often each variable was asked for since the list began. */
  #times: Map<string, number> | undefined;
  #last: string | undefined;
  /** Two requests a variable, where names and values are listed. */
  #inPairs = false;

  includes({ permission, value }: Request): boolean {
    if (permission === "env" && value === null) this.#begin();
    else if (permission !== "env" || value === null || !this.#goesOn(value)) this.#times = undefined;
    return this.#times !== undefined;
  }

  #begin(): void {
    this.#times = new Map();
    this.#last = undefined;
    this.#inPairs = false;
  }

  #goesOn(value: string): boolean {
    if (!this.#times) return false;
    const before = this.#times.get(value) ?? 0;
    if (before === 1 && this.#last === value && this.#times.size === 1) this.#inPairs = true;
    this.#times.set(value, before + 1);
    const again = this.#last === value && this.#inPairs && before === 1;
    this.#last = value;
    return before === 0 || again;
  }
}
