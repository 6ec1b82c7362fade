/** @jsxImportSource hono/jsx */
// deno-lint-ignore-file jsx-key -- a list is rendered once, on the server
import type { Run, RunLogLine, RunSummary } from "../../invocation/insight/run.ts";
import { bytes, duration, plural, UNKNOWN } from "../format.ts";
import { Action, Notice } from "../parts/form.tsx";
import { type Fragment, fragment, page, type Place, put } from "../parts/layout.tsx";
import { errorText, nextText } from "../parts/runs_table.tsx";
import { Fields, FunctionLink, MessageLink, OutcomeText, plainText, Silent, Time } from "../parts/text.tsx";
import { paths, withQuery } from "../paths.ts";

/** One message through all its attempts, and the messages that it gave rise to. */
export interface Story {
  readonly messageId: string | undefined;
  /** Oldest first. */
  readonly runs: readonly RunSummary[];
  /** Of the runs of which more is known, by their id. */
  readonly details: ReadonlyMap<string, Run>;
  readonly silent: readonly string[];
}

export interface StoryPageProps {
  readonly place: Place;
  readonly story: Story;
  /** The run that was asked for. */
  readonly focus?: string;
  readonly done?: string;
  /** The stream that keeps it up to date. */
  readonly live?: string;
}

/** More are cut from the page. */
const MOST_RUNS = 100;

/** Every part of the page that changes. */
export function storyFragments(story: Story, focus?: string): Fragment[] {
  const { messageId, runs, details, silent } = story;
  const last = runs.findLast((run) => run.messageId === messageId);
  const main = details.get(focus ?? last?.id ?? "");
  return [
    fragment("controls", <Controls messageId={messageId} last={last} />),
    fragment(
      "story",
      <>
        <Silent names={silent} />
        {runs.length === 0
          ? <p>No run of this message is recorded. It may still wait, or its records are over.</p>
          : <Timeline story={story} focus={focus} />}
        {main && <MessageParts run={main} title={focus === undefined ? "Its last run" : "This run"} />}
      </>,
    ),
  ];
}

export function storyPage({ place, story, focus, done, live }: StoryPageProps): string {
  const { messageId } = story;
  const parts = new Map(storyFragments(story, focus).map((one) => [one.id, put(one)]));
  return page({
    title: focus === undefined ? `Message ${messageId ?? ""}` : `Run ${focus}`,
    place,
    section: "runs",
    live,
    children: (
      <>
        <p class="crumbs">
          <a href={paths.runs}>Runs</a>
        </p>
        <div class="bar">
          <h1>
            Message <span class="id">{messageId ?? "without an id"}</span>
          </h1>
          <div class="controls" id="controls">{parts.get("controls")}</div>
        </div>
        {done === "canceled" && (
          <Notice tone="good">The message was taken out of its queue: it does not run again.</Notice>
        )}
        {done === "none" && <Notice tone="bad">No message with this id waits for a retry or a delay.</Notice>}
        <div id="story">{parts.get("story")}</div>
      </>
    ),
  });
}

function Controls({ messageId, last }: { messageId: string | undefined; last: RunSummary | undefined }) {
  if (messageId === undefined || last === undefined) return null;
  return (
    <>
      {last.next.kind === "retry" && (
        <Action
          path={`${paths.runs}/cancel`}
          fields={{ id: messageId }}
          label="Cancel the retry"
          tone="danger"
          id="do-cancel"
        />
      )}
      {last.next.kind === "deadLetter" && (
        <a class="button" id="to-letter" href={paths.letter(last.function, messageId)}>Open its dead letter</a>
      )}
    </>
  );
}

function Timeline({ story: { messageId, runs, details }, focus }: { story: Story; focus: string | undefined }) {
  const shown = runs.slice(0, MOST_RUNS);
  const start = Math.min(...shown.map((run) => run.queuedAt ?? run.receivedAt));
  const end = Math.max(...shown.map((run) => run.endedAt), start + 1);
  return (
    <section aria-labelledby="timeline-title" class="card">
      <h2 id="timeline-title">Timeline</h2>
      <p class="quiet">
        {plural(runs.length, "run")} from <Time at={start} date /> to <Time at={end} date />, {duration(end - start)}
        {" "}
        in all.
        {runs.length > shown.length && ` The first ${shown.length} are shown.`}
      </p>
      <ol class="timeline">
        {shown.map((run) => (
          <RunItem
            run={run}
            detail={details.get(run.id)}
            from={start}
            to={end}
            own={run.messageId === messageId}
            focus={run.id === focus}
          />
        ))}
      </ol>
    </section>
  );
}

interface RunItemProps {
  readonly run: RunSummary;
  readonly detail: Run | undefined;
  readonly from: number;
  readonly to: number;
  /** Whether it is of the message itself, and not of one that it gave rise to. */
  readonly own: boolean;
  readonly focus: boolean;
}

function RunItem({ run, detail, from, to, own, focus }: RunItemProps) {
  return (
    <li class={focus ? "focus" : undefined} id={`run-${encodeURIComponent(run.id)}`}>
      <p class="what">
        <OutcomeText outcome={run.outcome} /> <FunctionLink name={run.function} />{" "}
        {`attempt ${run.attempt}${own ? "" : " of message "}`}
        {!own && <MessageLink id={run.messageId} />}
        <span class="quiet">· {duration(run.endedAt - run.startedAt)} on {run.runner} · then {nextText(run)}</span>{" "}
        {focus
          ? <span class="tag">this run</span>
          : <a href={paths.run(run.id)} aria-label={`Details of attempt ${run.attempt} of ${run.function}`}>details</a>}
      </p>
      <Bar run={run} from={from} to={to} />
      {run.error && <p class="error-text">{errorText(run)}</p>}
      {run.published.length > 0 && (
        <p class="quiet">
          published {run.published.slice(0, 10).map((id, at) => (
            <>
              {at > 0 && ", "}
              <MessageLink id={id} />
            </>
          ))}
          {run.published.length > 10 && ` and ${run.published.length - 10} more`}
        </p>
      )}
      {detail && <Logs lines={detail.logs} leftOut={detail.logsLeftOut} />}
    </li>
  );
}

/** When it waited and ran, on the time of the whole story. */
function Bar({ run, from, to }: { run: RunSummary; from: number; to: number }) {
  const at = (time: number) => Math.round((Math.max(time, from) - from) / (to - from) * 10_000) / 10;
  const waited = at(run.queuedAt ?? run.receivedAt);
  const started = at(run.startedAt);
  const ended = at(run.endedAt);
  const wait = duration(run.startedAt - (run.queuedAt ?? run.receivedAt));
  return (
    <svg
      class="time-bar"
      viewBox="0 0 1000 10"
      preserveAspectRatio="none"
      role="img"
      aria-label={`Waited ${wait}, then ran ${duration(run.endedAt - run.startedAt)}`}
    >
      <rect class="track" x="0" y="4" width="1000" height="2" />
      <rect class="waited" x={waited} y="3" width={Math.max(0, started - waited)} height="4" />
      <rect
        class={run.outcome === "completed" ? "ran" : "ran bad"}
        x={Math.min(started, 994)}
        y="0"
        width={Math.max(6, ended - started)}
        height="10"
      />
    </svg>
  );
}

export function Logs({ lines, leftOut }: { lines: readonly RunLogLine[]; leftOut: number }) {
  if (lines.length === 0) return null;
  return (
    <details open={lines.length <= 10}>
      <summary>{plural(lines.length, "log line")}</summary>
      <div class="log short">{lines.map((line) => <LogLine line={line} />)}</div>
      {leftOut > 0 && <p class="quiet">{plural(leftOut, "more line was", "more lines were")} not kept.</p>}
    </details>
  );
}

export function LogLine({ line: { time, level, message, fields }, runner }: { line: RunLogLine; runner?: string }) {
  const more = fields && Object.keys(fields).length > 0 ? ` ${plainText(fields)}` : "";
  const from = runner === undefined ? "" : ` [${runner}]`;
  return (
    <p class={`line level-${["debug", "info", "warn", "error"].includes(level) ? level : "info"}`}>
      <Time at={time} /> <b>{level}</b> {message}
      <span class="quiet">{more + from}</span>
    </p>
  );
}

/** What one run had: the error in full, where the message came from, headers, properties and body. */
function MessageParts({ run, title }: { run: Run; title: string }) {
  return (
    <div class="two">
      <section aria-labelledby="run-title" class="card">
        <h2 id="run-title">{title}</h2>
        <dl class="fields">
          <div>
            <dt>Run</dt>
            <dd class="id">{run.id}</dd>
          </div>
          <div>
            <dt>Version</dt>
            <dd class="id">{run.version}</dd>
          </div>
          <div>
            <dt>Queued</dt>
            <dd>
              <Time at={run.queuedAt} date />
            </dd>
          </div>
          <div>
            <dt>Received</dt>
            <dd>
              <Time at={run.receivedAt} date />
            </dd>
          </div>
          <div>
            <dt>Started</dt>
            <dd>
              <Time at={run.startedAt} date />
            </dd>
          </div>
          <div>
            <dt>Ended</dt>
            <dd>
              <Time at={run.endedAt} date />
            </dd>
          </div>
          <div>
            <dt>Came from</dt>
            <dd>
              {run.exchange || "default exchange"}, routing key {run.routingKey || "empty"}
              {run.redelivered ? ", redelivered" : ""}
            </dd>
          </div>
          <div>
            <dt>Given rise to by</dt>
            <dd>
              <MessageLink id={run.parentId} />
            </dd>
          </div>
          <div>
            <dt>Trace</dt>
            <dd>
              {run.traceId
                ? <a class="id" href={withQuery(paths.runs, { trace: run.traceId })}>{run.traceId}</a>
                : UNKNOWN}
            </dd>
          </div>
        </dl>
        {run.stack !== undefined && <pre tabindex={0} aria-label="Stack">{run.stack}</pre>}
      </section>
      <section aria-labelledby="message-title" class="card">
        <h2 id="message-title">Message</h2>
        <h3>Body, {bytes(run.size)}</h3>
        {run.body
          ? (
            <>
              <pre tabindex={0} aria-label="Body">{run.body.text}</pre>
              {run.body.base64 && <p class="quiet">It is not text: this is its base64.</p>}
              {run.body.truncated && <p class="quiet">Only its beginning was kept.</p>}
            </>
          )
          : <p class="quiet">Bodies are kept with RUNS_BODIES=true.</p>}
        <h3>Headers</h3>
        <Fields fields={run.headers} empty="It has no headers." />
        <h3>Properties</h3>
        <Fields fields={run.properties} empty="It has no properties." />
      </section>
    </div>
  );
}
