import { NumberMap } from "../../base/number_map.ts";

/** The invocations that run in a sandbox, by id. */
export class RunningMap<V> extends NumberMap<V> {
  #idle: PromiseWithResolvers<void> | undefined;

  /** Resolves once nothing runs. */
  async idle(): Promise<void> {
    if (this.size === 0) return;
    this.#idle ??= Promise.withResolvers();
    await this.#idle.promise;
  }

  override delete(id: number): boolean {
    const had = super.delete(id);
    if (this.#idle && this.size === 0) {
      this.#idle.resolve();
      this.#idle = undefined;
    }
    return had;
  }
}
