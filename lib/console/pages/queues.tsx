/** @jsxImportSource hono/jsx */
// deno-lint-ignore-file jsx-key -- a list is rendered once, on the server
import type { Depth } from "../../invocation/insight/depth.ts";
import type { OperatorView } from "../../invocation/insight/operator_view.ts";
import { count, duration, plural } from "../format.ts";
import { Notice, TypedName } from "../parts/form.tsx";
import { type Fragment, fragment, page, type Place, put } from "../parts/layout.tsx";
import { FunctionLink, Missing } from "../parts/text.tsx";
import { paths } from "../paths.ts";

export interface QueuesGlance {
  readonly depths: readonly Depth[];
  readonly orphans: Awaited<ReturnType<OperatorView["orphans"]>>;
  /** What cannot be had now, and why. */
  readonly missing: readonly string[];
}

export interface QueuesPageProps {
  readonly place: Place;
  readonly glance: QueuesGlance;
  readonly live: string;
  /** The function whose queue may be purged on this page. */
  readonly purge?: string;
  readonly purged?: { readonly queue: string; readonly messages: number };
}

const MOST_ROWS = 500;

export function queuesFragments({ depths, orphans, missing }: QueuesGlance): Fragment[] {
  const rows = depths.toSorted((a, b) => (b.ready ?? 0) - (a.ready ?? 0) || (a.queue < b.queue ? -1 : 1)).slice(
    0,
    MOST_ROWS,
  );
  const parts = rows.map((depth): Fragment => ({
    ...fragment(`q-${encodeURIComponent(depth.function)}`, <QueueCells depth={depth} />),
    tag: "tr",
  }));
  return [
    fragment("missing", <Missing parts={missing} />),
    fragment("waiting-words", waitingWords(depths)),
    { ...fragment("queue-rows", parts.map((part) => <tr id={part.id}>{put(part)}</tr>)), tag: "tbody", parts },
    fragment("orphans", <Orphans orphans={orphans} />),
  ];
}

export function queuesPage({ place, glance, live, purge, purged }: QueuesPageProps): string {
  const parts = new Map(queuesFragments(glance).map((one) => [one.id, put(one)]));
  const purging = glance.depths.find((depth) => depth.function === purge);
  return page({
    title: "Queues",
    place,
    section: "queues",
    live,
    children: (
      <>
        <h1>Queues</h1>
        <div id="missing">{parts.get("missing")}</div>
        {purged && (
          <Notice tone="good">
            {plural(purged.messages, "message was", "messages were")} deleted from {purged.queue}.
          </Notice>
        )}
        {purging && (
          <section class="card danger-zone" aria-labelledby="purge-title">
            <h2 id="purge-title">Purge {purging.queue}</h2>
            <TypedName
              id="purge-name"
              path={`${paths.queues}/purge/${encodeURIComponent(purging.function)}`}
              name={purging.queue}
              label="Purge the queue"
              explain={`This deletes every message that waits in ${purging.queue}, ${
                count(purging.ready)
              } now. What runs, what waits for a retry and dead letters stay. It cannot be undone.`}
            />
            <p>
              <a href={paths.queues}>Keep them</a>
            </p>
          </section>
        )}
        <section class="card" aria-labelledby="work-title">
          <h2 id="work-title">Work queues</h2>
          <p id="waiting-words" class="words">{parts.get("waiting-words")}</p>
          <div class="scroll" role="group" aria-labelledby="work-title" tabindex={0}>
            <table>
              <caption class="hidden">Work queues, the fullest first</caption>
              <thead>
                <tr>
                  <th scope="col">Queue</th>
                  <th scope="col">Function</th>
                  <th scope="col" class="n">Waiting</th>
                  <th scope="col" class="n mid">Unacked</th>
                  <th scope="col" class="n mid">Retrying</th>
                  <th scope="col" class="n">Dead</th>
                  <th scope="col" class="n wide">Oldest</th>
                  <th scope="col" class="n mid">Consumers</th>
                  <th scope="col">
                    <span class="hidden">Purge</span>
                  </th>
                </tr>
              </thead>
              <tbody id="queue-rows">{parts.get("queue-rows")}</tbody>
            </table>
          </div>
        </section>
        <section class="card" aria-labelledby="retry-title">
          <h2 id="retry-title">Retry queues</h2>
          <p>
            A message that failed waits in a queue of Warren's for its next attempt, one queue for each delay (<code>
              warren.retry.&lt;milliseconds&gt;
            </code>), shared by all functions. The broker puts it back when its time is over. To stop one, open its
            message and cancel the retry.
          </p>
        </section>
        <section class="card" aria-labelledby="orphans-title">
          <h2 id="orphans-title">What nobody serves</h2>
          <div id="orphans">{parts.get("orphans")}</div>
        </section>
      </>
    ),
  });
}

function QueueCells({ depth }: { depth: Depth }) {
  const { queue, ready, unacknowledged, retrying, dead = 0, oldest, consumers } = depth;
  const id = `queue-${encodeURIComponent(depth.function)}`;
  return (
    <>
      <th scope="row" class="id">{queue}</th>
      <td>
        <FunctionLink name={depth.function} id={id} />
      </td>
      <td class="n">{count(ready)}</td>
      <td class="n mid">{count(unacknowledged)}</td>
      <td class="n mid">{count(retrying)}</td>
      <td class={dead > 0 ? "n bad" : "n"}>
        {dead > 0
          ? (
            <a
              id={`${id}-dead`}
              href={paths.dead(depth.function)}
              aria-label={`${count(dead)} dead letters of ${depth.function}`}
            >
              {count(dead)}
            </a>
          )
          : count(depth.dead)}
      </td>
      <td class="n wide">{duration(oldest)}</td>
      <td class={consumers === 0 ? "n mid bad" : "n mid"}>{count(consumers)}</td>
      <td class="n">
        <a
          id={`${id}-purge`}
          class="minor"
          href={`${paths.queues}?purge=${encodeURIComponent(depth.function)}`}
          aria-label={`Purge ${queue}`}
        >
          purge…
        </a>
      </td>
    </>
  );
}

function waitingWords(depths: readonly Depth[]): string {
  const sum = (key: "ready" | "retrying" | "dead") => depths.reduce((total, depth) => total + (depth[key] ?? 0), 0);
  return `${plural(depths.length, "queue")}: ${count(sum("ready"))} messages wait, ${
    count(sum("retrying"))
  } wait for a retry, ${count(sum("dead"))} are dead.`;
}

function Orphans({ orphans }: { orphans: QueuesGlance["orphans"] }) {
  if (orphans.length === 0) {
    return <p class="quiet">Every queue of Warren's with messages belongs to a function of this runner.</p>;
  }
  return (
    <ul class="orphans">
      {orphans.map(({ queue, messages, advice }) => (
        <li>
          <p>
            <b class="id">{queue}</b> <span class="tag">{plural(messages, "message")}</span>
          </p>
          <p class="next">{advice}</p>
        </li>
      ))}
    </ul>
  );
}
