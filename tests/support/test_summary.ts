/** The line that `deno test` ends with: `ok | 3 passed (2 steps) | 0 failed | 1 ignored (12ms)`. */
const SUMMARY = /^(?:ok|FAILED) \| (\d+) passed.*?\| (\d+) failed(.*)$/;

// deno-lint-ignore no-control-regex
const COLOR = /\x1b\[[0-9;]*m/g;

export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Reads the counts from what `deno test` prints. */
export class TestSummary {
  readonly #decoder = new TextDecoder();
  #rest = "";
  #last: RegExpMatchArray | undefined;

  add(chunk: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
  }

  /**
   * `code` is the exit code of `deno test`: a run that failed without a failed test (a file that
   * does not load, a crash before the summary) counts as one failure.
   */
  finish(code: number): TestCounts {
    this.#line(this.#rest);
    return {
      passed: Number(this.#last?.[1] ?? 0),
      failed: Math.max(Number(this.#last?.[2] ?? 0), code === 0 ? 0 : 1),
      skipped: Number(this.#last?.[3].match(/(\d+) ignored/)?.[1] ?? 0),
    };
  }

  #line(line: string): void {
    this.#last = line.replaceAll(COLOR, "").match(SUMMARY) ?? this.#last;
  }
}
