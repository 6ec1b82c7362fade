/** @jsxImportSource hono/jsx */
import type { Found } from "../../invocation/insight/operator_view.ts";
import type { ErrorGroup } from "../../invocation/insight/run.ts";
import { count } from "../format.ts";
import { Silent, Time } from "../parts/text.tsx";
import { paths } from "../paths.ts";

const MOST_GROUPS = 20;
const MOST_SAMPLES = 3;

/** Runs that failed alike, the most frequent first. */
export function ErrorGroups({ found: { items, silent }, empty }: { found: Found<ErrorGroup>; empty: string }) {
  const groups = items.toSorted((a, b) => b.count - a.count).slice(0, MOST_GROUPS);
  return (
    <>
      <Silent names={silent} />
      {groups.length === 0 ? <p class="quiet">{empty}</p> : (
        <ol class="groups">
          {groups.map((group) => (
            <li>
              <p>
                <span class="tag">{count(group.count)}×</span> <b>{group.type}</b>: {group.message}
              </p>
              {group.frame !== undefined && <p class="frame">{group.frame}</p>}
              <p class="quiet">
                first <Time at={group.firstSeen} date />, last <Time at={group.lastSeen} date />
                {group.samples.slice(0, MOST_SAMPLES).map((id, at) => (
                  <>
                    {" · "}
                    <a id={`sample-${encodeURIComponent(id)}`} href={paths.run(id)}>run {at + 1}</a>
                  </>
                ))}
              </p>
            </li>
          ))}
        </ol>
      )}
    </>
  );
}
