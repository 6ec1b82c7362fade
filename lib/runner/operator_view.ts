import type { AnnouncedRunner, Fleet } from "../invocation/insight/fleet.ts";
import type { OperatorView, PauseRequest } from "../invocation/insight/operator_view.ts";
import type { FleetPauses } from "./fleet/fleet_pauses.ts";

/** What those who operate runners see of the fleet, and do with it. */
export class FleetOperations implements Pick<OperatorView, "runners" | "pause" | "resume"> {
  readonly #fleet: Pick<Fleet, "runners">;
  readonly #pauses: Pick<FleetPauses, "pause" | "resume">;

  constructor(fleet: Pick<Fleet, "runners">, pauses: Pick<FleetPauses, "pause" | "resume">) {
    this.#fleet = fleet;
    this.#pauses = pauses;
  }

  runners(): readonly AnnouncedRunner[] {
    return this.#fleet.runners();
  }

  async pause(name: string, request: PauseRequest): Promise<boolean> {
    return await this.#pauses.pause(name, request) !== undefined;
  }

  async resume(name: string, request: Pick<PauseRequest, "here">): Promise<boolean> {
    return await this.#pauses.resume(name, request) !== undefined;
  }
}
