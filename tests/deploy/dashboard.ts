interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly definition?: string }[] };
}

/** A query of the dashboard and the title of its panel. */
export interface PanelQuery {
  readonly title: string;
  readonly query: string;
}

const FILE = new URL("../../deploy/grafana/warren.json", import.meta.url);

/** All queries of the dashboard with the values that Grafana puts in for "All" and for a window of half a minute. */
export async function dashboardQueries(): Promise<PanelQuery[]> {
  const { panels } = await dashboard();
  return panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, query: filledIn(expr) })));
}

/** The metrics whose labels the dashboard offers to choose from. */
export async function chosenFrom(): Promise<string[]> {
  const { templating } = await dashboard();
  return templating.list.flatMap(({ definition }) => definition?.match(/^label_values\((\w+), \w+\)$/)?.[1] ?? []);
}

async function dashboard(): Promise<Dashboard> {
  return JSON.parse(await Deno.readTextFile(FILE));
}

function filledIn(query: string): string {
  const filled = query.replaceAll(/\$(function|instance)\b/g, ".*").replaceAll("$__rate_interval", "30s");
  if (filled.includes("$")) throw new Error(`a variable of "${query}" is not known`);
  return filled;
}
