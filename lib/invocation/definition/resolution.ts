/** By which rules Deno resolves what a function imports. */
export interface Resolution {
  /** A `deno.json`; none is Deno's own defaults. */
  readonly config?: string;
  /** An import map in place of the one in the configuration. */
  readonly importMap?: string;
  /** A copy of the project's lock file, which nobody writes any more. */
  readonly lock?: string;
  /** The files of the project that the rules are in, by absolute path, as they were read. */
  readonly files: ReadonlyMap<string, string>;
}

/** Deno's flags for them. A lock file is never written. */
export function resolutionFlags({ config, importMap, lock }: Omit<Resolution, "files">): string[] {
  return [
    config === undefined ? "--no-config" : `--config=${config}`,
    ...(importMap === undefined ? [] : [`--import-map=${importMap}`]),
    ...(lock === undefined ? ["--no-lock"] : [`--lock=${lock}`, "--frozen"]),
  ];
}
