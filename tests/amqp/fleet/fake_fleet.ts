import { AmqpFleet, type AmqpFleetOptions } from "../../../lib/amqp/fleet/amqp_fleet.ts";
import type { Linked } from "../../../lib/amqp/fleet/fleet_link.ts";
import type { AnnouncedFunction, Announcement } from "../../../lib/invocation/insight/fleet.ts";
import { FakeTimers, settled } from "../../serving/fake_timers.ts";

/** An announced function that does nothing. */
export function announced(name: string, more: Partial<AnnouncedFunction> = {}): AnnouncedFunction {
  return { name, queue: name, state: "serving", running: 0, perMinute: 0, failedPerMinute: 0, ...more };
}

/** The exchange that all runners of a test share. */
export class FakeExchange {
  readonly links = new Set<FakeLink>();
  /** Everything that was sent to all. */
  readonly sent: string[] = [];
  readonly timers = new FakeTimers();

  /** A runner that has started. */
  join(name: string, options: Partial<AmqpFleetOptions> = {}): FakeMember {
    return new FakeMember(this, name, options);
  }

  /** The kinds of what was sent to all since the last call. */
  kinds(): string[] {
    return this.sent.splice(0).map((text) => JSON.parse(text).kind);
  }
}

class FakeLink implements Linked {
  up = true;
  blocked = false;
  address: string | undefined = crypto.randomUUID();
  received: (body: Uint8Array) => void = () => {};

  constructor(readonly exchange: FakeExchange) {
    exchange.links.add(this);
  }

  send(body: Uint8Array, to?: string): boolean {
    if (this.blocked || !this.up) return false;
    if (to === undefined) this.exchange.sent.push(new TextDecoder().decode(body));
    for (const link of this.exchange.links) {
      if (link.up && (to === undefined || link.address === to)) queueMicrotask(() => link.received(body));
    }
    return true;
  }
}

/** One runner of a test. */
export class FakeMember {
  readonly link: FakeLink;
  readonly fleet: AmqpFleet;
  functions: AnnouncedFunction[] = [];

  constructor(exchange: FakeExchange, readonly name: string, options: Partial<AmqpFleetOptions>) {
    const link = this.link = new FakeLink(exchange);
    const runner = { id: `id of ${name}`, name, host: "host", version: "1", startedAt: 0 };
    const describe = (): Announcement => ({ ...runner, functions: this.functions });
    this.fleet = new AmqpFleet({ describe, link, timers: exchange.timers, random: () => 0.5, ...options });
    link.received = (body) => this.fleet.received(body);
    this.fleet.start();
    this.fleet.up();
  }

  /** The others, as `name`, `name (gone)`. */
  get others(): string[] {
    return this.fleet.runners().slice(1).map(({ name, gone }) => gone ? `${name} (gone)` : name);
  }

  /** As a SIGKILL: it says nothing any more, and hears nothing. */
  die(): void {
    this.link.up = false;
    this.link.exchange.links.delete(this.link);
  }

  async asked(question: string, payload?: unknown, limit = 50) {
    const answers = await this.fleet.ask(question, payload, { limit });
    await settled();
    return answers;
  }
}
