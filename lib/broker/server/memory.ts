import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** The memory of this process, as the alarms see it. */
export interface Memory {
  read(): MemoryUse;
  /** Collects garbage, which stops everything for some hundred milliseconds where much is in use. */
  collect(): void;
  /** Milliseconds. */
  now(): number;
}

export interface MemoryUse {
  /** Bytes of the heap and of buffers, and what the runtime and the database take besides. */
  inUse: number;
  /** Bytes of the heap alone, and what it may have at most. */
  heap: number;
  heapLimit: number;
}

/**
 * Measures the heap and not what is resident: V8 keeps pages that it has freed for some seconds, and uses them again,
 * so the resident size says for a while that memory is short when it is not any more.
 */
export function readMemory(): Memory {
  const heapNow = () => {
    const { total_physical_size, external_memory, malloced_memory } = getHeapStatistics();
    return total_physical_size + external_memory + malloced_memory;
  };
  const beside = Math.max(Deno.memoryUsage().rss - heapNow(), 0);
  let collect: (() => void) | undefined;
  return {
    read() {
      const { used_heap_size, heap_size_limit } = getHeapStatistics();
      return { inUse: beside + heapNow(), heap: used_heap_size, heapLimit: heap_size_limit };
    },
    collect() {
      collect ??= collector();
      collect();
    },
    now: () => performance.now(),
  };
}

/** V8's own function, which is only there on request. */
function collector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}
