/** @jsxImportSource hono/jsx */
// deno-lint-ignore-file jsx-key -- a list is rendered once, on the server
import type { JobView } from "../../http/jobs.ts";
import { count } from "../format.ts";
import { Action } from "../parts/form.tsx";
import { Time } from "../parts/text.tsx";

const MOST_JOBS = 5;

/** Work on dead letters: how far it is, and the button that stops it. */
export function JobList({ jobs, stop }: { jobs: readonly JobView[]; stop: string }) {
  if (jobs.length === 0) return null;
  return (
    <section class="card" aria-labelledby="jobs-title">
      <h2 id="jobs-title">Under way and done</h2>
      <ul class="jobs">{jobs.slice(0, MOST_JOBS).map((job) => <JobItem job={job} stop={stop} />)}</ul>
    </section>
  );
}

function JobItem({ job, stop }: { job: JobView; stop: string }) {
  const { id, work, state, startedAt, error, depth = 0, looked = 0, done = 0, matched = 0, unreadable = 0 } = job;
  return (
    <li>
      <div class="row">
        <b>{work}</b>
        <span class={`outcome ${state === "failed" ? "bad" : state === "running" ? "busy" : "good"}`}>{state}</span>
        <span class="quiet">
          since <Time at={Date.parse(startedAt)} />
        </span>
        {state === "running" && <Action path={stop} fields={{ job: id }} label="Stop" id={`stop-${id}`} />}
      </div>
      {state === "running" && (
        <progress max={Math.max(1, depth)} value={Math.min(looked, depth)} aria-label={`Progress of ${work}`}>
        </progress>
      )}
      <p class="quiet">
        {count(looked)} of {count(depth)} looked at, {count(matched)} fit, {count(done)} done
        {unreadable > 0 && `, ${count(unreadable)} stay, since their headers cannot be read or leave no room`}.
        {error !== undefined && <span class="reason">{error}</span>}
      </p>
    </li>
  );
}
