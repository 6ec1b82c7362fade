import type { HeldBack } from "../../amqp/depth/held_back.ts";
import { AmqpFleet } from "../../amqp/fleet/amqp_fleet.ts";
import { FleetLink } from "../../amqp/fleet/fleet_link.ts";
import { PauseStore } from "../../amqp/fleet/pause_store.ts";
import type { Publisher } from "../../amqp/publishing/publisher.ts";
import type { Logger } from "../../base/log.ts";
import { Announcing, type RunnerIdentity } from "./announcement.ts";
import { FleetPauses } from "./fleet_pauses.ts";
import type { FunctionRegistry } from "../function_registry.ts";
import type { RunnerBroker } from "../runner_broker.ts";

export interface RunnerFleetOptions {
  identity: RunnerIdentity;
  broker: RunnerBroker;
  publisher: Publisher;
  functions: FunctionRegistry;
  heldBack: Pick<HeldBack, "all">;
  log: Logger;
}

/** A runner among the others: it announces itself, asks them and answers them, and pauses functions for all. */
export class RunnerFleet {
  readonly fleet: AmqpFleet;
  readonly pauses: FleetPauses;
  readonly #link: FleetLink;

  constructor({ identity, broker, publisher, functions, heldBack, log }: RunnerFleetOptions) {
    const { consuming, publishing, topology } = broker;
    const announcing = new Announcing({ identity, functions, heldBack });
    const link = this.#link = new FleetLink({
      consuming,
      publishing,
      log,
      onMessage: (body) => this.fleet.received(body),
      onUp: () => {
        this.fleet.up();
        void this.pauses.lookAtAll();
      },
    });
    const fleet = this.fleet = new AmqpFleet({ describe: () => announcing.announcement(), link });
    this.pauses = new FleetPauses({
      store: new PauseStore({ connection: consuming, publisher, topology, log }),
      fleet,
      runner: identity.name,
      functions,
      client: () => consuming.ready,
      onChange: () => fleet.announceSoon(),
      log,
    });
  }

  start(): void {
    this.#link.start();
    this.fleet.start();
    this.pauses.start();
  }

  /** Says goodbye, while the connections are there. */
  async close(): Promise<void> {
    this.pauses.stop();
    this.fleet.stop();
    await this.#link.close();
  }
}
