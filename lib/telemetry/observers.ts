import type { Observer } from "../invocation/insight/ended.ts";

/** One observer of several; undefined of none, so that nothing is reported where nobody observes. */
export function observers(given: readonly (Observer | undefined)[]): Observer | undefined {
  const all = given.filter((observer) => observer !== undefined);
  if (all.length < 2) return all[0];
  const starts = all.filter(({ coldStart }) => coldStart);
  const ends = all.filter(({ processEnded }) => processEnded);
  const logs = all.filter(({ logged }) => logged);
  const follows = all.filter(({ started }) => started);
  const progresses = all.filter(({ progressed }) => progressed);
  return {
    ended(ended) {
      for (const observer of all) observer.ended(ended);
    },
    coldStart(definition, duration) {
      for (const observer of starts) observer.coldStart!(definition, duration);
    },
    processEnded(definition, how) {
      for (const observer of ends) observer.processEnded!(definition, how);
    },
    logged(line) {
      for (const observer of logs) observer.logged!(line);
    },
    started(definition, invocation, startedAt) {
      let wanted = false;
      for (const observer of follows) if (observer.started!(definition, invocation, startedAt)) wanted = true;
      return wanted;
    },
    progressed(definition, invocation, value) {
      for (const observer of progresses) observer.progressed!(definition, invocation, value);
    },
  };
}
