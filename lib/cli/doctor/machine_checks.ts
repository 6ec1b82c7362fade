import { statfsSync } from "node:fs";
import { join } from "node:path";
import { describeError } from "../../base/errors.ts";
import { formatDuration } from "../../base/time/duration.ts";
import type { FunctionDefinition } from "../../invocation/definition/definition.ts";
import { localName, urlHost } from "../../settings/config.ts";
import type { Options } from "../../settings/options.ts";
import type { Finding } from "./finding.ts";

const MB = 1024 * 1024;
/** Open files of a runner beside those of its functions' processes, and of each process. */
const OWN_FILES = 128;
const FILES_EACH = 8;
/** The data folder grows with the keys of `once()`. */
const LEAST_DISK = 100 * MB;
/** Kubernetes waits this long before it kills, by default. */
const KILLED_AFTER = 30_000;
const CLOSE_TIME = 4_000;

/** What of this machine, and of the settings, may be in the way. */
export async function checkMachine(
  options: Options,
  definitions: readonly Pick<FunctionDefinition, "isolation" | "instances" | "memory">[],
): Promise<Finding[]> {
  return [
    ...await checkDataFolder(options.data),
    ...checkDisk(options.data),
    ...await checkTemporary(),
    ...await checkOpenFiles(definitions),
    ...checkMemory(definitions),
    ...checkDrain(options),
    ...await checkApi(options),
  ];
}

async function checkDataFolder(path: string): Promise<Finding[]> {
  const check = "data folder";
  const probe = join(path, `.doctor-${crypto.randomUUID()}`);
  const isThere = await Deno.stat(path).then(() => true, () => false);
  try {
    await Deno.mkdir(path, { recursive: true });
    await Deno.writeTextFile(probe, "");
    await Deno.remove(probe);
    if (!isThere) await Deno.remove(path);
    return [{ level: "ok", check, text: `${path} can be written` }];
  } catch (error) {
    const text = `${path} cannot be written: ${describeError(error)}`;
    return [{
      level: "error",
      check,
      text,
      action: `let the runner's user write there, or name another with WARREN_DATA`,
    }];
  }
}

function checkDisk(path: string): Finding[] {
  try {
    const { bavail, bsize } = statfsSync(path);
    const free = bavail * bsize;
    const text = `${Math.floor(free / MB)} MB are free for ${path}`;
    if (free >= LEAST_DISK) return [{ level: "ok", check: "disk", text }];
    return [{ level: "warning", check: "disk", text, action: "free space, or put WARREN_DATA on a larger volume" }];
  } catch {
    return [];
  }
}

/** The sockets of the functions' processes are there. */
async function checkTemporary(): Promise<Finding[]> {
  try {
    await Deno.remove(await Deno.makeTempDir({ prefix: "warren-doctor-" }));
    return [];
  } catch (error) {
    const text = `no temporary folder can be made: ${describeError(error)}`;
    const action = "mount a writable /tmp, or name another folder in TMPDIR";
    return [{ level: "error", check: "temporary folder", text, action }];
  }
}

async function checkOpenFiles(functions: readonly Pick<FunctionDefinition, "isolation" | "instances">[]) {
  const processes = functions.reduce((sum, { isolation, instances }) => {
    return sum + (isolation === "process" ? instances : 0);
  }, 0);
  const needed = OWN_FILES + processes * FILES_EACH;
  const limit = await openFileLimit();
  if (limit === undefined) return [];
  const text = `a process may have ${limit} open files; with all processes of its functions, a runner needs ${needed}`;
  const finding: Finding = limit >= needed
    ? { level: "ok", check: "open files", text }
    : { level: "warning", check: "open files", text, action: `raise the limit: ulimit -n ${needed * 2}` };
  return [finding];
}

/** Infinity if there is no limit; undefined if it is unknown. */
async function openFileLimit(): Promise<number | undefined> {
  try {
    const { stdout } = await new Deno.Command("sh", { args: ["-c", "ulimit -n"], stdin: "null" }).output();
    const text = new TextDecoder().decode(stdout).trim();
    return text === "unlimited" ? Infinity : Number(text) || undefined;
  } catch {
    return undefined;
  }
}

function checkMemory(functions: readonly Pick<FunctionDefinition, "isolation" | "instances" | "memory">[]): Finding[] {
  const most = functions.reduce((sum, { isolation, instances, memory }) => {
    return sum + (isolation === "process" ? instances * memory : 0);
  }, 0);
  const { total } = Deno.systemMemoryInfo();
  if (total === 0 || most <= total) return [];
  const text = `the processes of all functions may take ${Math.round(most / MB)} MB, and the machine has ` +
    `${Math.round(total / MB)} MB`;
  const action = "give functions a smaller memory or fewer instances, or spread them over runners";
  return [{ level: "warning", check: "memory", text, action }];
}

function checkDrain({ drainTimeout }: Pick<Options, "drainTimeout">): Finding[] {
  if (drainTimeout + CLOSE_TIME <= KILLED_AFTER) return [];
  const text = `DRAIN_TIMEOUT is ${formatDuration(drainTimeout)}: a container that is killed after 30 s does not drain`;
  const seconds = Math.ceil((drainTimeout + CLOSE_TIME) / 1000) + 1;
  const action = `give it longer: terminationGracePeriodSeconds: ${seconds}, or docker stop --time ${seconds}`;
  return [{ level: "info", check: "stopping", text, action }];
}

/** Whether a runner answers here. That none does is no fault. */
async function checkApi({ host, port }: Pick<Options, "host" | "port">): Promise<Finding[]> {
  if (port === 0) return [];
  const where = `${urlHost(localName(host))}:${port}`;
  try {
    const health = await fetch(`http://${where}/readyz?verbose`, { signal: AbortSignal.timeout(2_000) });
    const { ready, checks } = await health.json();
    if (ready) return [{ level: "ok", check: "runner", text: `the one at ${where} is ready` }];
    const failed = (checks as { name: string; ok: boolean; detail?: string }[]).filter(({ ok }) => !ok)
      .map(({ name, detail }) => detail === undefined ? name : `${name} (${detail})`);
    const text = `the one at ${where} is not ready: ${failed.join(", ")}`;
    return [{ level: "error", check: "runner", text, action: "its log says more" }];
  } catch {
    return [{ level: "info", check: "runner", text: `none answers at ${where}` }];
  }
}
