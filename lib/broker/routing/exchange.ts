import { type Argument, assertSame, assertSameArgument, readArguments } from "./equivalence.ts";
import { type Destination, type Matcher, MATCHERS, type Route } from "./matchers.ts";
import { AmqpError } from "../protocol/amqp_error.ts";
import { joined } from "../protocol/joined.ts";
import { decodeTable, describeValue, splitTable, TYPE_NAMES } from "../protocol/table.ts";

const ALTERNATE = "alternate-exchange";

/** A binding from an exchange to a queue or to another exchange. */
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
  /** The encoded table. */
  arguments: Uint8Array;
}

/** An exchange. It stores no messages, and only finds the destinations of each. */
export class Exchange implements Destination {
  readonly kind = "exchange";
  readonly name: string;
  readonly type: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly argumentBytes: Uint8Array;
  /** The exchange that gets messages without a matching binding. */
  readonly alternate: string | undefined;
  readonly matcher: Matcher;
  readonly #arguments: Map<string, Argument>;
  readonly #bindings = new Map<string, Binding>();

  /** @throws {AmqpError} 503 for an unknown type, 406 for an invalid argument */
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

  /** Adds a binding. Returns the existing one if it is the same. */
  add(binding: Binding): boolean {
    const identity = identityOf(binding);
    if (this.#bindings.has(identity)) return false;
    this.#bindings.set(identity, binding);
    this.matcher.add(binding);
    return true;
  }

  /** Removes a binding. Returns it if it existed. */
  remove(like: Pick<Binding, "destination" | "key" | "argumentBytes">): Binding | undefined {
    const identity = identityOf(like);
    const binding = this.#bindings.get(identity);
    if (!binding) return undefined;
    this.#bindings.delete(identity);
    this.matcher.remove(binding);
    return binding;
  }

  /** @throws {AmqpError} 406 if the declaration differs */
  assertEquivalent(type: string, durable: boolean, autoDelete: boolean, internal: boolean, args: Uint8Array): void {
    const what = `exchange '${this.name}'`;
    assertSame(what, "type", type, this.type);
    assertSame(what, "durable", durable, this.durable);
    assertSame(what, "auto_delete", autoDelete, this.autoDelete);
    assertSame(what, "internal", internal, this.internal);
    assertSameArgument(what, ALTERNATE, readArguments(args).get(ALTERNATE), this.#arguments.get(ALTERNATE));
  }
}

/** Destination, key and arguments identify a binding. */
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

/** Creates a binding. */
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
  // Sorted by name, since their order does not matter. Types do.
  const sorted = splitTable(bytes).sort((a, b) => a.name < b.name ? -1 : 1);
  return { source, destination, key, args, argumentBytes: joined(sorted.map(({ bytes }) => bytes)) };
}
