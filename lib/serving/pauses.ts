/** Which runners a pause is for. */
export type PauseScope = "here" | "everywhere";

/** Why a function is paused by operators: in this runner, in all of them, or both. */
export class Pauses {
  readonly #details = new Map<PauseScope, string>();

  /** Whether there is any. */
  get any(): boolean {
    return this.#details.size > 0;
  }

  has(scope: PauseScope): boolean {
    return this.#details.has(scope);
  }

  /** The one for all runners says more. */
  get detail(): string | undefined {
    return this.#details.get("everywhere") ?? this.#details.get("here");
  }

  add(scope: PauseScope, detail: string): void {
    this.#details.set(scope, detail);
  }

  /** False where there was none of that scope. */
  end(scope: PauseScope): boolean {
    return this.#details.delete(scope);
  }
}
