import type { Fleet } from "../../lib/invocation/insight/fleet.ts";

type Answer = (payload: unknown) => unknown;

/** Runners that ask each other; what they say goes through JSON, as it does through a broker. */
export class FakeFleet {
  readonly #answers = new Map<string, Map<string, Answer>>();
  readonly silent: string[] = [];

  /** The fleet as one of them has it. */
  as(runner: string): Fleet {
    const own = new Map<string, Answer>();
    this.#answers.set(runner, own);
    return {
      runners: () => [],
      answer: (question, answer) => void own.set(question, answer),
      ask: async (question, payload) => {
        const sent = JSON.stringify(payload);
        const answers = [...this.#answers].filter(([runner]) => !this.silent.includes(runner));
        return {
          answers: await Promise.all(answers.map(async ([runner, all]) => {
            return { runner, value: JSON.parse(JSON.stringify(await all.get(question)!(JSON.parse(sent)))) };
          })),
          silent: this.silent,
        };
      },
    };
  }
}
