import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { folder } from "../loader/folder.ts";
import { embeddedTest } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { residentMemory } from "../support/resident_memory.ts";
import { startServing } from "../support/serving.ts";

const STREAMS = 1_000;
const MB = 1_048_576;

/** Seconds of CPU that a process has used. */
function cpuSeconds(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

embeddedTest(
  "a thousand idle event streams cost little, one more is refused, and all end with the runner",
  async (url) => {
    await using functions = await folder({ "hello.ts": "export default () => {};" });
    await using runner = await startServing({ amqpUrl: url, functionsDir: functions.path });
    const before = residentMemory(runner.pid)!;
    const bodies: ReadableStreamDefaultReader<Uint8Array>[] = [];
    const decoder = new TextDecoder();
    for (let count = 0; count < STREAMS; count++) {
      const response = await fetch(`${runner.url}/logs?follow=true`);
      assertEquals(response.status, 200);
      const reader = response.body!.getReader();
      assertStringIncludes(decoder.decode((await reader.read()).value), "following");
      bodies.push(reader);
    }
    const refused = await fetch(`${runner.url}/logs?follow=true`);
    assertEquals(refused.status, 429);
    assertStringIncludes((await refused.json()).detail, `${STREAMS} streams are open`);

    // Each stream says every 15 s that it is alive.
    const ended = bodies.map(async (reader) => {
      let bytes = 0;
      for (;;) {
        const { value, done } = await reader.read().catch(() => ({ value: undefined, done: true }));
        if (done) return bytes;
        bytes += value?.length ?? 0;
      }
    });
    const [cpu, since] = [cpuSeconds(runner.pid), performance.now()];
    const times: number[] = [];
    while (performance.now() - since < 20_000) {
      const begun = performance.now();
      await (await fetch(`${runner.url}/functions`)).body!.cancel();
      times.push(performance.now() - begun);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const share = (cpuSeconds(runner.pid) - cpu) / ((performance.now() - since) / 1_000);
    const grown = (residentMemory(runner.pid)! - before) / MB;
    const median = times.toSorted((a, b) => a - b)[times.length >> 1];
    console.log(
      `${STREAMS} streams: ${grown.toFixed(1)} MB, ${(share * 100).toFixed(1)} % of a core, ` +
        `GET /functions in ${median.toFixed(1)} ms (median of ${times.length})`,
    );
    assert(grown < 200, `memory grew by ${grown} MB`);
    assert(share < 0.2, `${share} of a core`);
    assert(median < 100, `GET /functions took ${median} ms`);

    runner.kill("SIGTERM");
    await Promise.all(ended);
    assertEquals((await eventually(() => runner.status, { timeout: 20_000 })).code, 0);
  },
);
