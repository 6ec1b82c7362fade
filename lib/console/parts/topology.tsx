/** @jsxImportSource hono/jsx */
// deno-lint-ignore-file jsx-key -- a list is rendered once, on the server
import type { Depth } from "../../invocation/insight/depth.ts";
import { count, cut, duration, listed, plural } from "../format.ts";
import type { FunctionDetail } from "../../http/runner_view.ts";

const WIDTH = 880;
const BOX = { width: 180, height: 52 };
/** The left edges of the columns: exchanges, queue, function, outputs. */
const COLUMNS = [0, 233, 466, 700];
const ROW = 72;
/** If there are more exchanges, they are listed in words. */
const MOST_SOURCES = 4;

interface Box {
  readonly kind: "exchange" | "queue" | "function" | "dead";
  readonly name: string;
  readonly detail: string;
  readonly column: number;
  readonly row: number;
}

/** Where messages of a function come from and where they can go, drawn, and in words for those who cannot see it. */
export function Topology({ view, depth }: { view: FunctionDetail; depth: Depth | undefined }) {
  const sources = sourcesOf(view);
  const delays = retryDelays(view);
  const middle = Math.max(0, (sources.length - 1) / 2);
  const below = middle + 1;
  const boxes: Box[] = [
    ...sources.map(([name, detail], row): Box => ({ kind: "exchange", name, detail, column: 0, row })),
    { kind: "queue", name: view.queue ?? "no queue", detail: waiting(depth), column: 1, row: middle },
    {
      kind: "function",
      name: view.name,
      detail: `${view.state}, ${count(view.running)} running here`,
      column: 2,
      row: middle,
    },
  ];
  const edges: [from: Box, to: Box, style?: string][] = [];
  const queue = boxes[sources.length];
  const work = boxes[sources.length + 1];
  for (const source of boxes.slice(0, sources.length)) edges.push([source, queue]);
  edges.push([queue, work]);
  const add = (box: Box, style?: string) => {
    boxes.push(box);
    edges.push([work, box, style]);
  };
  if (view.output) {
    const { exchange, routingKey } = view.output;
    const detail = routingKey === "" ? "results" : `results as ${routingKey}`;
    add({ kind: "exchange", name: exchange || "default exchange", detail, column: 3, row: middle });
  }
  if (delays.length > 0) {
    const retrying: Box = {
      kind: "queue",
      name: "retries",
      detail: depth?.retrying === undefined
        ? delayWords(delays)
        : `${count(depth.retrying)} wait, ${delayWords(delays)}`,
      column: 1,
      row: below,
    };
    add(retrying, "retry");
    edges.push([retrying, queue, "retry"]);
  }
  if (view.deadLetterQueue !== undefined) {
    const detail = depth?.dead === undefined ? "dead letters" : plural(depth.dead, "dead letter");
    add({ kind: "dead", name: view.deadLetterQueue, detail, column: 3, row: below }, "dead");
  }
  const rows = Math.max(sources.length, below + 1);
  return (
    <svg class="topology" viewBox={`0 0 ${WIDTH} ${rows * ROW}`} role="img" aria-label={topologyWords(view, depth)}>
      <defs>
        <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
          <path d="M0 0L8 4L0 8Z" />
        </marker>
      </defs>
      {edges.map(([from, to, style]) => (
        <path class={`edge ${style ?? ""}`} d={edgePath(from, to)} marker-end="url(#arrow)" />
      ))}
      {boxes.map((box) => <BoxShape box={box} />)}
    </svg>
  );
}

function BoxShape({ box }: { box: Box }) {
  const x = COLUMNS[box.column];
  const y = top(box);
  return (
    <g class={`box box-${box.kind}`}>
      <title>{box.name}: {box.detail}</title>
      <rect
        x={x + 1}
        y={y}
        width={BOX.width - 2}
        height={BOX.height}
        rx={box.kind === "queue" ? 4 : box.kind === "exchange" ? 26 : 10}
      />
      <text class="box-name" x={x + BOX.width / 2} y={y + 22}>{cut(box.name, 23)}</text>
      <text class="box-detail" x={x + BOX.width / 2} y={y + 39}>{cut(box.detail, 28)}</text>
    </g>
  );
}

function top({ row }: Box): number {
  return row * ROW + (ROW - BOX.height) / 2;
}

/** From the right of one box to the left of the next, or from below a box to one that is lower. */
function edgePath(from: Box, to: Box): string {
  const [y1, y2] = [top(from) + BOX.height / 2, top(to) + BOX.height / 2];
  const [x1, x2] = [COLUMNS[from.column], COLUMNS[to.column]];
  if (from.column === to.column) return `M${x1 + BOX.width / 2} ${top(from)}V${top(to) + BOX.height + 2}`;
  if (from.column < to.column) {
    const start = x1 + BOX.width;
    const middle = (start + x2) / 2;
    return `M${start} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2 - 2} ${y2}`;
  }
  return `M${x1 + BOX.width / 2} ${top(from) + BOX.height}C${x1 + BOX.width / 2} ${y2} ${x1} ${y2} ${
    x2 + BOX.width + 2
  } ${y2}`;
}

/** What a queue is bound to; every queue is bound to the default exchange too. */
function sourcesOf({ bindings = [], queue }: FunctionDetail): [name: string, detail: string][] {
  const named = bindings.map(({ exchange, type, routingKey }): [string, string] => [
    exchange,
    routingKey === "" ? type : `${type}, ${routingKey}`,
  ]);
  const own: [string, string] = ["default exchange", queue === undefined ? "direct" : `direct, ${queue}`];
  if (named.length <= MOST_SOURCES) return named.length > 0 ? named : [own];
  return [...named.slice(0, MOST_SOURCES - 1), [`${named.length - MOST_SOURCES + 1} more bindings`, "listed below"]];
}

/** The delays before the attempts of a message, without their jitter; each is a queue of its own. */
function retryDelays({ retry }: FunctionDetail): number[] {
  if (!retry || retry.attempts < 2) return [];
  const { attempts, delay, maxDelay, multiplier, delays } = retry;
  if (delays) return [...new Set(delays)];
  const each = Array.from(
    { length: Math.min(attempts - 1, 20) },
    (_, at) => Math.min(delay * multiplier ** at, maxDelay),
  );
  return [...new Set(each)];
}

function delayWords(delays: readonly number[]): string {
  const [least, most] = [Math.min(...delays), Math.max(...delays)];
  return least === most ? duration(least) : `${duration(least)} to ${duration(most)}`;
}

function waiting(depth: Depth | undefined): string {
  if (depth?.ready === undefined) return "depth not known";
  return `${count(depth.ready)} waiting, ${plural(depth.consumers ?? 0, "consumer")}`;
}

/** The same in words. */
export function topologyWords(view: FunctionDetail, depth: Depth | undefined): string {
  const { queue, bindings = [], retry, deadLetterQueue, output } = view;
  if (queue === undefined) return "It has no queue, since it is broken.";
  const from = bindings.length === 0
    ? "the default exchange"
    : listed(bindings.map(({ exchange, routingKey }) => routingKey === "" ? exchange : `${exchange} (${routingKey})`));
  const tries = retry && retry.attempts > 1
    ? `A message that fails is tried ${retry.attempts} times in all`
    : "A message is tried once";
  const dead = deadLetterQueue === undefined ? "" : ` and then goes to ${deadLetterQueue}`;
  const results = output ? ` Results go to ${output.exchange || "the default exchange"}.` : "";
  return `Messages come from ${from} into the queue ${queue}: ${waiting(depth)}. ${tries}${dead}.${results}`;
}
