import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Memory of this process, for the alarms. */
export interface Memory {
  read(): MemoryUse;
  /** Collects garbage. Blocks the process for some hundred milliseconds if much memory is in use. */
  collect(): void;
  /** Milliseconds. */
  now(): number;
}

export interface MemoryUse {
  /** Bytes of the heap and of buffers, plus those of the runtime and the database. */
  inUse: number;
  /** Bytes of the heap alone, and its maximum. */
  heap: number;
  heapLimit: number;
}

/**
 * Measures the heap instead of the resident size: V8 keeps freed pages for some seconds and reuses them, so the
 * resident size would report a shortage that is already over.
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

/** V8's `gc` function, which must be enabled by a flag. */
function collector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}
