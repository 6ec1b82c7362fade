/** @jsxImportSource hono/jsx */
// deno-lint-ignore-file jsx-key -- a list is rendered once, on the server
import type { Depth } from "../../invocation/insight/depth.ts";
import type { Found, Trouble } from "../../invocation/insight/operator_view.ts";
import type { ErrorGroup, FunctionHistory, RunSummary } from "../../invocation/insight/run.ts";
import { count, duration, plural } from "../format.ts";
import type { FunctionDetail } from "../../http/runner_view.ts";
import { HistoryTable, plotData, PlotFigure, plotsOf } from "../parts/chart.tsx";
import { Action, Notice } from "../parts/form.tsx";
import { type Fragment, fragment, page, type Place, put } from "../parts/layout.tsx";
import { RunsTable } from "../parts/runs_table.tsx";
import { Missing, Silent, State, Time } from "../parts/text.tsx";
import { Topology, topologyWords } from "../parts/topology.tsx";
import { paths, withQuery } from "../paths.ts";
import { Configuration } from "./function_configuration.tsx";
import { ErrorGroups } from "./error_groups.tsx";
import { type Invoked, InvokeForm } from "./invoke_form.tsx";

/** All that the page of a function shows, of one moment. */
export interface FunctionGlance {
  /** As this runner has it; undefined where only others do. */
  readonly view: FunctionDetail | undefined;
  readonly name: string;
  readonly depth: Depth | undefined;
  readonly history: FunctionHistory | undefined;
  readonly runs: Found<RunSummary>;
  readonly errors: Found<ErrorGroup>;
  readonly troubles: readonly Trouble[];
  /** What cannot be had now, and why. */
  readonly missing: readonly string[];
  /** How it stands on each runner. */
  readonly states: readonly Standing[];
}

/** A function on one runner. */
interface Standing {
  readonly runner: string;
  readonly state: string;
  readonly detail?: string;
  /** Messages that the runner has. */
  readonly running: number;
}

export interface FunctionPageProps {
  readonly place: Place;
  readonly glance: FunctionGlance;
  readonly live: string;
  /** What just happened. */
  readonly done?: string;
  /** The body of a new message is written as text, although there are fields for it. @default false */
  readonly asText?: boolean;
  readonly invoked?: Invoked;
}

const DONE: Record<string, string> = {
  paused: "It takes no more messages. What runs already may finish; what waits stays in the queue.",
  resumed: "It takes messages again.",
};

export function functionFragments(glance: FunctionGlance): Fragment[] {
  const { runs, errors, name, view, depth } = glance;
  return [
    fragment("controls", <Controls glance={glance} />),
    fragment("missing", <Missing parts={glance.missing} />),
    fragment("status", <Status glance={glance} />),
    ...(view ? [fragment("topology", <Topology view={view} depth={depth} />)] : []),
    ...(view ? [fragment("topology-words", topologyWords(view, depth))] : []),
    fragment("numbers", <Numbers glance={glance} />),
    ...plotsOf(glance.history).flatMap((plot) => [
      fragment(`words-${plot.id}`, plot.words),
      fragment(`data-${plot.id}`, plotData(plot)),
    ]),
    fragment(
      "runs",
      <>
        <Silent names={runs.silent} />
        {runs.items.length === 0
          ? <p class="quiet">No run is recorded.</p>
          : <RunsTable runs={runs.items} caption="Runs of this function, newest first" functions={false} />}
      </>,
    ),
    fragment("errors", <ErrorGroups found={errors} empty={`No run of ${name} failed.`} />),
  ];
}

export function functionPage({ place, glance, live, done, asText = false, invoked }: FunctionPageProps): string {
  const { name, view, history } = glance;
  const parts = new Map(functionFragments(glance).map((one) => [one.id, put(one)]));
  return page({
    title: name,
    place,
    section: "overview",
    live,
    children: (
      <>
        <p class="crumbs">
          <a href={paths.overview}>Overview</a>
        </p>
        <div class="bar">
          <h1>{name}</h1>
          <div class="controls" id="controls">{parts.get("controls")}</div>
        </div>
        {done !== undefined && Object.hasOwn(DONE, done) && <Notice tone="good">{DONE[done]}</Notice>}
        {invoked?.messageId !== undefined && (
          <Notice tone="good">
            Message <a href={paths.message(invoked.messageId)}>{invoked.messageId}</a> was published.
          </Notice>
        )}
        <div id="missing">{parts.get("missing")}</div>
        <div id="status">{parts.get("status")}</div>
        <div id="numbers">{parts.get("numbers")}</div>
        <section aria-labelledby="plots-title" class="card">
          <h2 id="plots-title">The last hour</h2>
          <div class="plots">{plotsOf(history).map((plot) => <PlotFigure plot={plot} />)}</div>
          <details>
            <summary>Numbers</summary>
            <div class="scroll" role="group" aria-label="The last hour in numbers" tabindex={0}>
              <HistoryTable history={history} />
            </div>
          </details>
        </section>
        <div class="two">
          <section aria-labelledby="runs-title" class="card">
            <div class="bar">
              <h2 id="runs-title">Recent runs</h2>
              <a href={withQuery(paths.runs, { function: name })}>All runs</a>
            </div>
            <div id="runs">{parts.get("runs")}</div>
          </section>
          <section aria-labelledby="errors-title" class="card">
            <h2 id="errors-title">Errors, grouped</h2>
            <div id="errors">{parts.get("errors")}</div>
          </section>
        </div>
        {view && (
          <section aria-labelledby="topology-title" class="card">
            <h2 id="topology-title">Where its messages go</h2>
            <div class="scroll drawing" id="topology" role="group" aria-labelledby="topology-title" tabindex={0}>
              {parts.get("topology")}
            </div>
            <p class="words" id="topology-words">{parts.get("topology-words")}</p>
          </section>
        )}
        <div class="two">
          {view && (
            <section aria-labelledby="invoke-title" class="card">
              <h2 id="invoke-title">Invoke</h2>
              <InvokeForm view={view} asText={asText} invoked={invoked} />
            </section>
          )}
          <section aria-labelledby="log-title" class="card">
            <h2 id="log-title">Live log</h2>
            <p class="quiet">What it logs from now on, on all runners.</p>
            <div class="log" role="group" aria-labelledby="log-title" tabindex={0}>
              <div id="log"></div>
            </div>
          </section>
        </div>
        {view && (
          <section aria-labelledby="configuration-title" class="card">
            <h2 id="configuration-title">Configuration</h2>
            <Configuration view={view} />
          </section>
        )}
      </>
    ),
  });
}

function Controls({ glance: { name, view, states } }: { glance: FunctionGlance }) {
  const path = paths.function(name);
  const to = (action: string) => paths.action(path, action);
  const paused = (view?.state ?? states[0]?.state) === "paused";
  return (
    <>
      {paused ? <Action path={to("resume")} label="Resume" tone="main" id="do-resume" /> : (
        <Action
          path={to("pause")}
          label="Pause"
          id="do-pause"
          title="On all runners; what runs already may finish"
        />
      )}
      {!paused && <Action path={to("pause")} fields={{ for: "1h" }} label="Pause for 1 h" id="do-pause-1h" />}
      {view?.schedule && <Action path={to("run-now")} label="Run now" tone="main" id="do-run" />}
      <a class="button" id="to-dead" href={paths.dead(name)}>Dead letters</a>
    </>
  );
}

function Status({ glance: { view, states, troubles } }: { glance: FunctionGlance }) {
  const next = view?.schedule?.next;
  const explained = troubles.some(({ reason }) => reason === view?.error);
  const running = view && view.state !== "paused" ? undefined : stillRunning(states);
  return (
    <>
      <p>
        {!view && <span class="quiet">Not on this runner.</span>} {running === undefined
          ? view && <State state={view.state} />
          : <State state="paused" text={pausedText(running)} id="drained" />}{" "}
        {view?.error !== undefined && !explained && <span class="reason">{view.error}</span>}
        {view?.schedule && (
          <span>
            Runs at <code>{view.schedule.cron}</code> ({view.schedule.timezone}), next at{" "}
            <Time at={next === undefined ? undefined : Date.parse(next)} date />
          </span>
        )}
      </p>
      {troubles.map(({ title, reason, action, severity }) => (
        <div class={`notice ${severity === "error" ? "bad" : "warn"}`}>
          <b>{title}.</b> {reason}
          <p class="next">{action}</p>
        </div>
      ))}
      {states.length > 1 && (
        <ul class="states">
          {states.map(({ runner, state, detail, running }) => (
            <li>
              {runner}: <State state={state} /> {state === "paused" && `${count(running)} running`} {detail}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function pausedText(running: number): string {
  return running === 0 ? "Paused, nothing runs." : `Paused: ${count(running)} still running.`;
}

/**
 * How many messages still run although it is paused on all runners, which drains it. Undefined if one of them may take
 * more.
 */
function stillRunning(states: readonly Standing[]): number | undefined {
  const taking = states.filter(({ state }) => state !== "disabled");
  if (taking.length === 0 || taking.some(({ state }) => state !== "paused")) return undefined;
  return taking.reduce((sum, { running }) => sum + running, 0);
}

function Numbers({ glance: { name, view, depth, history } }: { glance: FunctionGlance }) {
  const cold = (history?.points ?? []).reduce((sum, point) => sum + point.coldStarts, 0);
  const dead = depth?.dead ?? 0;
  return (
    <dl class="tiles">
      <div>
        <dt>Waiting</dt>
        <dd>{count(depth?.ready)}</dd>
      </div>
      <div>
        <dt>Oldest</dt>
        <dd>{duration(depth?.oldest)}</dd>
      </div>
      <div>
        <dt>Unacked</dt>
        <dd>{count(depth?.unacknowledged)}</dd>
      </div>
      <div>
        <dt>Retrying</dt>
        <dd>{count(depth?.retrying)}</dd>
      </div>
      <div>
        <dt>Dead</dt>
        <dd class={dead > 0 ? "bad" : undefined}>
          {dead > 0
            ? <a id="dead-link" href={paths.dead(name)} aria-label={plural(dead, "dead letter")}>{count(dead)}</a>
            : count(depth?.dead)}
        </dd>
      </div>
      <div>
        <dt>Consumers</dt>
        <dd>{count(depth?.consumers)}</dd>
      </div>
      <div>
        <dt>Processes here</dt>
        <dd>{count(view?.processes)}</dd>
      </div>
      <div>
        <dt>Cold starts</dt>
        <dd>
          {count(cold)}
          <small>in an hour</small>
        </dd>
      </div>
    </dl>
  );
}
