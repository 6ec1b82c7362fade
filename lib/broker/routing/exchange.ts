import { type Argument, assertSame, assertSameArgument, readArguments } from "./equivalence.ts";
import { type Destination, type Matcher, MATCHERS, type Route } from "./matchers.ts";
import { AmqpError } from "../protocol/amqp_error.ts";
import { joined } from "../protocol/joined.ts";
import { decodeTable, describeValue, splitTable, TYPE_NAMES } from "../protocol/table.ts";

const ALTERNATE = "alternate-exchange";

/** A way from an exchange to a queue or to another exchange. */
export interface Binding extends Route {
  readonly source: Exchange;
  readonly argumentBytes: Uint8Array;
}

export interface ExchangeOptions {
  name: string;
  type: string;
  durable: boolean;
  autoDelete: boolean;
  internal: boolean;
  /** An encoded table. */
  arguments: Uint8Array;
}

/** Where messages are published to: it holds none, and only says which queues they go to. */
export class Exchange implements Destination {
  readonly kind = "exchange";
  readonly name: string;
  readonly type: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly argumentBytes: Uint8Array;
  /** Where messages go that no binding takes. */
  readonly alternate: string | undefined;
  readonly matcher: Matcher;
  readonly #arguments: Map<string, Argument>;
  readonly #bindings = new Map<string, Binding>();

  /** @throws {AmqpError} 503 for an unknown type, 406 for a wrong argument */
  constructor(options: ExchangeOptions) {
    this.name = options.name;
    this.type = options.type;
    this.durable = options.durable;
    this.autoDelete = options.autoDelete;
    this.internal = options.internal;
    this.argumentBytes = options.arguments;
    if (!Object.hasOwn(MATCHERS, this.type)) {
      throw AmqpError.hard("commandInvalid", `unknown exchange type '${this.type}'`);
    }
    this.matcher = MATCHERS[this.type]();
    this.#arguments = readArguments(options.arguments);
    const alternate = this.#arguments.get(ALTERNATE);
    if (alternate && alternate.type !== "S") {
      throw new AmqpError(
        "preconditionFailed",
        `invalid type '${TYPE_NAMES[alternate.type] ?? alternate.type}' for arg '${ALTERNATE}' in exchange ` +
          `'${this.name}' in vhost '/'`,
      );
    }
    this.alternate = alternate?.text;
  }

  get bindingCount(): number {
    return this.#bindings.size;
  }

  bindings(): Iterable<Binding> {
    return this.#bindings.values();
  }

  /** The binding that was there already, or the new one. */
  add(binding: Binding): boolean {
    const identity = identityOf(binding);
    if (this.#bindings.has(identity)) return false;
    this.#bindings.set(identity, binding);
    this.matcher.add(binding);
    return true;
  }

  /** The binding that is gone now, if there was one. */
  remove(like: Pick<Binding, "destination" | "key" | "argumentBytes">): Binding | undefined {
    const identity = identityOf(like);
    const binding = this.#bindings.get(identity);
    if (!binding) return undefined;
    this.#bindings.delete(identity);
    this.matcher.remove(binding);
    return binding;
  }

  /** @throws {AmqpError} 406 when it was declared in another way */
  assertEquivalent(type: string, durable: boolean, autoDelete: boolean, internal: boolean, args: Uint8Array): void {
    const what = `exchange '${this.name}'`;
    assertSame(what, "type", type, this.type);
    assertSame(what, "durable", durable, this.durable);
    assertSame(what, "auto_delete", autoDelete, this.autoDelete);
    assertSame(what, "internal", internal, this.internal);
    assertSameArgument(what, ALTERNATE, readArguments(args).get(ALTERNATE), this.#arguments.get(ALTERNATE));
  }
}

/** Destination, key and arguments together: the same once more is the same binding. */
function identityOf(
  { destination, key, argumentBytes }: Pick<Binding, "destination" | "key" | "argumentBytes">,
): string {
  return JSON.stringify([
    destination.kind,
    destination.name,
    key,
    argumentBytes.length === 0 ? "" : argumentBytes.join(),
  ]);
}

/** A binding as it is made anew. */
export function createBinding(source: Exchange, destination: Destination, key: string, bytes: Uint8Array): Binding {
  const args = decodeTable(bytes);
  const match = args["x-match"];
  if (source.type === "headers" && match !== undefined) {
    if (!["all", "any", "all-with-x", "any-with-x"].includes(match as string)) {
      throw new AmqpError(
        "preconditionFailed",
        `Invalid x-match field value ${describeValue(match)}; expected all or any`,
      );
    }
  }
  // In the order of their names: another order is the same table, and another type is another one.
  const sorted = splitTable(bytes).sort((a, b) => a.name < b.name ? -1 : 1);
  return { source, destination, key, args, argumentBytes: joined(sorted.map(({ bytes }) => bytes)) };
}
