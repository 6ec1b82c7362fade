import type { Entry } from "../queue/entry.ts";

/** Returned entries, ordered by position: a binary heap. */
export class Returned {
  readonly #heap: Entry[] = [];

  get length(): number {
    return this.#heap.length;
  }

  peek(): Entry | undefined {
    return this.#heap[0];
  }

  push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent].position <= entry.position) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = entry;
  }

  shift(): Entry | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && heap[child + 1].position < heap[child].position) child++;
      if (heap[child].position >= last.position) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }

  clear(): void {
    this.#heap.length = 0;
  }
}
