import { nearest } from "../../base/nearest.ts";
import { deadLetterQueue, type FunctionDefinition } from "../../invocation/definition/definition.ts";

/** A route that may be misspelt. */
export interface RouteWarning {
  readonly function: string;
  readonly text: string;
}

interface Route {
  /** Where it stands in the config. */
  readonly key: string;
  readonly exchange: string;
  readonly routingKey: string;
}

/**
 * Names routes to queues and exchanges that no function of the folder has, where another one is spelt almost the same.
 * Other unknown names may belong to other programs.
 */
export function routeWarnings(definitions: readonly FunctionDefinition[]): RouteWarning[] {
  const queues = definitions.flatMap(({ queue: { name } }) => [name, deadLetterQueue(name)]);
  const exchanges = definitions.flatMap(({ bindings }) => bindings.map(({ exchange }) => exchange));
  return definitions.flatMap((definition) =>
    routesOf(definition).flatMap(({ key, exchange, routingKey }) => {
      const [kind, name, known] = exchange === ""
        ? ["queue", routingKey, queues] as const
        : ["exchange", exchange, exchanges] as const;
      const near = known.length > 0 && !known.includes(name) ? nearest(name, known) : undefined;
      if (near === undefined) return [];
      return [{ function: definition.name, text: `${key} names the ${kind} "${name}"; did you mean "${near}"?` }];
    })
  );
}

/** Routes without wildcards. */
function routesOf({ output, onDead, publish }: FunctionDefinition): Route[] {
  const listed = Array.isArray(publish) ? publish as readonly string[] : [];
  const routes = listed.map((route, index) => {
    const slash = route.indexOf("/");
    const [exchange, routingKey] = slash < 0 ? ["", route] : [route.slice(0, slash), route.slice(slash + 1)];
    return { key: `publish[${index}]`, exchange, routingKey };
  });
  if (onDead) routes.push({ key: "onDead", exchange: "", routingKey: onDead });
  const all = output ? [{ key: "output", ...output }, ...routes] : routes;
  return all.filter(({ exchange, routingKey }) => exchange !== "" || !/[*#]/.test(routingKey));
}
