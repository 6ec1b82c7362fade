/** @jsxImportSource hono/jsx */
import { bytes, duration, listed } from "../format.ts";
import type { FunctionDetail } from "../../http/runner_view.ts";
import { plainText } from "../parts/text.tsx";

/** What has a place of its own on the page, or is no configuration. */
const ELSEWHERE = [
  "name",
  "state",
  "error",
  "running",
  "counts",
  "processes",
  "bindings",
  "schedule",
  "input",
  "loaded",
  "depth",
];
const DURATIONS = ["timeout", "idle", "wait", "per", "window", "coolDown"];
const SIZES = ["memory"];

/** Every setting of a function that its runner tells, in words. */
export function Configuration({ view }: { view: FunctionDetail }) {
  const settings = Object.entries(view).filter(([name, value]) => value !== undefined && !ELSEWHERE.includes(name));
  const rows: [string, string][] = [
    ...settings.map(([name, value]): [string, string] => [label(name), settingText(name, value)]),
    ...(view.bindings ?? []).map(({ exchange, type, routingKey, arguments: args }): [string, string] => [
      "Binding",
      `${exchange} (${type}), routing key ${routingKey || "empty"}${
        Object.keys(args).length > 0 ? `, ${plainText(args)}` : ""
      }`,
    ]),
  ];
  return (
    <dl class="fields">
      {rows.map(([name, value]) => (
        <div>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** `deadLetterQueue` is `Dead letter queue`. */
function label(name: string): string {
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words[0].toUpperCase() + words.slice(1);
}

function settingText(name: string, value: unknown): string {
  if (typeof value === "number" && DURATIONS.includes(name)) return duration(value);
  if (typeof value === "number" && SIZES.includes(name)) return bytes(value);
  if (name === "retry") return retryText(value as NonNullable<FunctionDetail["retry"]>);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return listed(value, 50) || "none";
  if (typeof value !== "object" || value === null) return String(value);
  return Object.entries(value).filter(([, one]) => one !== undefined)
    .flatMap(([key, one]) => partText(label(key).toLowerCase(), key, one) ?? []).join(", ") || "none";
}

/** Undefined where there is nothing in it. */
function partText(words: string, name: string, value: unknown): string | undefined {
  if (typeof value === "boolean") return value ? words : `not ${words}`;
  if (typeof value === "number" && DURATIONS.includes(name)) return `${words} ${duration(value)}`;
  if (typeof value === "object" && value !== null && Object.keys(value).length === 0) return undefined;
  return `${words} ${plainText(value)}`;
}

function retryText({ attempts, delay, maxDelay, multiplier, delays }: NonNullable<FunctionDetail["retry"]>): string {
  if (attempts < 2) return "none";
  if (delays) return `${attempts} attempts, ${delays.map(duration).join(", ")} apart`;
  return `${attempts} attempts, first after ${duration(delay)}, then ${multiplier}× as long, at most ${
    duration(maxDelay)
  }`;
}
