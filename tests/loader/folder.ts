import { dirname, join } from "node:path";

/** A functions folder for one test, gone with it. */
export interface Folder extends AsyncDisposable {
  readonly path: string;
  write(files: Record<string, string>): Promise<void>;
}

/** Makes a folder with the files in it, parents included. */
export async function folder(files: Record<string, string> = {}): Promise<Folder> {
  const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "warren-test-" }));
  const made: Folder = {
    path,
    async write(files) {
      for (const [name, text] of Object.entries(files)) {
        await Deno.mkdir(dirname(join(path, name)), { recursive: true });
        await Deno.writeTextFile(join(path, name), text);
      }
    },
    async [Symbol.asyncDispose]() {
      await Deno.remove(path, { recursive: true }).catch(() => {});
    },
  };
  await made.write(files);
  return made;
}
