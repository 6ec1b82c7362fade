/** @jsxImportSource hono/jsx */
// deno-lint-ignore-file jsx-key -- a list is rendered once, on the server
import type { RunSummary } from "../../invocation/insight/run.ts";
import { cut, duration, UNKNOWN } from "../format.ts";
import { paths } from "../paths.ts";
import { FunctionLink, OutcomeText, Time } from "./text.tsx";

/** What became of the message of a run. */
export function nextText({ next }: RunSummary): string {
  switch (next.kind) {
    case "ack":
      return "done";
    case "retry":
      return `attempt ${next.attempt} in ${duration(next.delay)}`;
    case "deadLetter":
      return "dead letter";
    case "return":
      return "runs again";
  }
}

export interface RunsTableProps {
  readonly runs: readonly RunSummary[];
  readonly caption: string;
  /** Whether each row says which function ran. @default true */
  readonly functions?: boolean;
  /** Where a function's runs are left out of this table. */
  readonly hide?: (name: string) => string;
}

/** Runs, newest first, each with the way to its page. */
export function RunsTable({ runs, caption, functions = true, hide }: RunsTableProps) {
  return (
    <div class="scroll" role="group" aria-label={caption} tabindex={0}>
      <table class="runs">
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Ended</th>
            {functions && <th scope="col">Function</th>}
            <th scope="col">Outcome</th>
            <th scope="col" class="n mid">Attempt</th>
            <th scope="col" class="n mid">Took</th>
            <th scope="col" class="n wide">Waited</th>
            <th scope="col" class="mid">Then</th>
            <th scope="col" class="wide">Runner</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => <RunRow run={run} functions={functions} hide={hide} />)}
        </tbody>
      </table>
    </div>
  );
}

function RunRow({ run, functions, hide }: { run: RunSummary; functions: boolean; hide?: (name: string) => string }) {
  const waited = run.queuedAt === undefined ? undefined : run.startedAt - run.queuedAt;
  return (
    <tr>
      <th scope="row">
        <a id={`run-${encodeURIComponent(run.id)}`} href={paths.run(run.id)}>
          <Time at={run.endedAt} />
        </a>
      </th>
      {functions && (
        <td class="who">
          <FunctionLink name={run.function} />
          {hide && (
            <a class="minor" href={hide(run.function)} aria-label={`Hide ${run.function} here`}>
              hide
            </a>
          )}
        </td>
      )}
      <td>
        <OutcomeText outcome={run.outcome} />
        {run.error && <span class="error-text" title={cut(run.error.message, 500)}>{cut(errorText(run), 120)}</span>}
      </td>
      <td class="n mid">{run.attempt}</td>
      <td class="n mid">{duration(run.endedAt - run.startedAt)}</td>
      <td class="n wide">{waited === undefined ? UNKNOWN : duration(waited)}</td>
      <td class="word mid">{nextText(run)}</td>
      <td class="word wide">{run.runner}</td>
    </tr>
  );
}

export function errorText({ error }: RunSummary): string {
  return error ? `${error.type}: ${error.message}` : "";
}
