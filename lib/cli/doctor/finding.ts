/** What was found out about one thing. */
export interface Finding {
  /** `error`: something does not work. `warning`: something will not, or may not. `info`: worth knowing. */
  readonly level: "ok" | "info" | "warning" | "error";
  /** What was looked at, as in `broker`. */
  readonly check: string;
  readonly text: string;
  /** What to do about it. */
  readonly action?: string;
}

/** For people: one line each, and below it what to do. */
export function describeFindings(findings: readonly Finding[]): string {
  return findings.map(({ level, check, text, action }) => {
    const line = `${level.padEnd(8)} ${check}: ${text}`;
    return action === undefined ? line : `${line}\n${" ".repeat(9)}→ ${action}`;
  }).join("\n");
}

/** How many there are of each level. */
export function countFindings(findings: readonly Finding[]): Record<Finding["level"], number> {
  const counts = { ok: 0, info: 0, warning: 0, error: 0 };
  for (const { level } of findings) counts[level]++;
  return counts;
}
