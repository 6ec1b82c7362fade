/** How Deno resolves the imports of a function. */
export interface Resolution {
  /** Path of a `deno.json`. @default Deno's own defaults */
  readonly config?: string;
  /** Path of an import map that replaces the one in the configuration. */
  readonly importMap?: string;
  /** Path of a copy of the project's lock file. Nothing writes to it. */
  readonly lock?: string;
  /** The texts of the project's settings files when they were read, by absolute path. */
  readonly files: ReadonlyMap<string, string>;
}

/** Deno's flags for a resolution. With them, Deno never writes a lock file. */
export function resolutionFlags({ config, importMap, lock }: Omit<Resolution, "files">): string[] {
  return [
    config === undefined ? "--no-config" : `--config=${config}`,
    ...(importMap === undefined ? [] : [`--import-map=${importMap}`]),
    ...(lock === undefined ? ["--no-lock"] : [`--lock=${lock}`, "--frozen"]),
  ];
}
