import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);
const BLOCK = 512;

/**
 * A registry in JSR's layout on this machine, with this repository's package as `deno publish` sends it: the files that are
 * published, with the imports that it rewrites. Whoever has `env` uses it in place of jsr.io.
 */
export class JsrRegistry implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #files = new Map<string, Uint8Array<ArrayBuffer>>();
  /** `@warren/warren`, and its version. */
  readonly #name: string;
  readonly #version: string;

  private constructor({ name, version }: { name: string; version: string }) {
    this.#name = name;
    this.#version = version;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  /** Starts it, and publishes the package to it. */
  static async publish(): Promise<JsrRegistry> {
    const registry = new JsrRegistry(JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT))));
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      // The types are checked by tests of their own.
      args: ["publish", "--quiet", "--token=none", "--allow-dirty", "--no-provenance", "--no-check"],
      cwd: fileURLToPath(ROOT),
      env: { ...registry.env, NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
    }).output();
    if (success && registry.#files.size > 0) return registry;
    await registry[Symbol.asyncDispose]();
    throw new Error(`deno publish failed: ${new TextDecoder().decode(stderr).slice(-2_000)}`);
  }

  get env(): Record<string, string> {
    return { JSR_URL: `http://127.0.0.1:${this.#server.addr.port}` };
  }

  /** The paths of the files that were published, sorted. */
  get paths(): string[] {
    return [...this.#files.keys()].sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname;
    const [scope, name] = this.#name.slice(1).split("/");
    const place = `/${this.#name}/${this.#version}`;
    if (request.method === "POST") return await this.#receive(request);
    if (path === `/api/scopes/${scope}/packages/${name}`) return Response.json({ scope, name });
    if (path === `/${this.#name}/meta.json`) return Response.json({ scope, name, versions: { [this.#version]: {} } });
    if (path === `${place}_meta.json`) return Response.json(await this.#manifest());
    const file = path.startsWith(place) ? this.#files.get(path.slice(place.length)) : undefined;
    if (file) return new Response(file, { headers: { "content-type": typeOf(path) } });
    return Response.json({ code: "notFound", message: "no such thing" }, { status: 404 });
  }

  /** What `deno publish` sends is a tar archive, compressed. */
  async #receive(request: Request): Promise<Response> {
    const archive = request.body!.pipeThrough(new DecompressionStream("gzip"));
    for (const [path, data] of filesOf(await new Response(archive).bytes())) this.#files.set(path, data);
    return Response.json({ id: "1", status: "success", error: null });
  }

  async #manifest(): Promise<unknown> {
    const entries = [...this.#files].map(async ([path, data]) => {
      const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", data)).toHex();
      return [path, { size: data.length, checksum: `sha256-${sum}` }] as const;
    });
    const { exports } = JSON.parse(new TextDecoder().decode(this.#files.get("/deno.json")));
    return { manifest: Object.fromEntries(await Promise.all(entries)), exports };
  }
}

function typeOf(path: string): string {
  return path.endsWith(".ts") ? "text/typescript" : path.endsWith(".json") ? "application/json" : "text/plain";
}

/** The files of a tar archive. */
function* filesOf(archive: Uint8Array<ArrayBuffer>): Generator<[path: string, data: Uint8Array<ArrayBuffer>]> {
  for (let at = 0; at + BLOCK <= archive.length;) {
    const text = (start: number, length: number) =>
      new TextDecoder().decode(archive.subarray(at + start, at + start + length)).replace(/\0.*$/s, "");
    const [name, size, kind, folder] = [text(0, 100), parseInt(text(124, 12), 8), text(156, 1), text(345, 155)];
    if (name === "") return;
    const start = at + BLOCK;
    at = start + Math.ceil(size / BLOCK) * BLOCK;
    if (kind !== "0" && kind !== "") throw new Error(`the archive has an entry of kind "${kind}": ${name}`);
    yield [`/${folder === "" ? "" : `${folder}/`}${name}`.replace("/./", "/"), archive.slice(start, start + size)];
  }
}
