import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import { browserTest } from "../support/browser.ts";
import { EventReader } from "../support/message_events.ts";
import { BrokerPlace } from "../support/hosted_broker.ts";
import { startServing } from "../support/serving.ts";
import { exampleTest } from "./example.ts";

const ORIGIN = "http://127.0.0.1:8080";

/** A PNG image of one colour; its bytes are written here, so that the test needs no library. */
async function image(width: number, height: number): Promise<Uint8Array<ArrayBuffer>> {
  const pixels = new Blob([new Uint8Array((width * 3 + 1) * height)]);
  const packed = await new Response(pixels.stream().pipeThrough(new CompressionStream("deflate"))).bytes();
  const header = new Uint8Array(13);
  new DataView(header.buffer).setUint32(0, width);
  new DataView(header.buffer).setUint32(4, height);
  header.set([8, 2, 0, 0, 0], 8);
  const chunks = [chunk("IHDR", header), chunk("IDAT", packed), chunk("IEND", new Uint8Array())];
  return new Uint8Array(
    await new Blob([new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]), ...chunks]).arrayBuffer(),
  );
}

function chunk(type: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return (value ^ 0xffffffff) >>> 0;
}

exampleTest(
  "thumbnails",
  "a page uploads an image and follows it to its thumbnail, on any runner",
  async ({ start }) => {
    const env = { API_TOKEN: "t0ken" };
    await using asked = await start(env);
    await using other = await start(env);
    const follow = async (id: string) => {
      const url = `${asked.url}/messages/${id}/events?function=thumbnail`;
      return await EventReader.open(url, { headers: { origin: ORIGIN } });
    };
    const upload = async (id: string, body: BodyInit) => {
      const headers = { origin: ORIGIN, "message-id": id, "content-type": "image/png" };
      const response = await fetch(`${other.url}/thumbnails`, { method: "POST", body, headers });
      assertEquals([response.status, response.headers.get("access-control-allow-origin")], [202, ORIGIN]);
      assertEquals(await response.json(), { messageId: id });
    };
    const id = crypto.randomUUID();
    await using reader = await follow(id);
    await upload(id, await image(2_000, 1_000));
    const events = await reader.ended();
    const states = events.map(({ event }) => event).filter((event) => event !== "progress" && event !== "queued");
    assertEquals(states, ["running", "done"]);
    const progress = events.filter(({ event }) => event === "progress").map(({ data }) => data.value);
    assertEquals((progress.at(-1) as { percent: number }).percent, 100);
    const { result, base64 } = events.at(-1)!.data;
    const png = Uint8Array.fromBase64(result as string);
    const view = new DataView(png.buffer);
    assertEquals([base64, view.getUint32(16), view.getUint32(20)], [true, 160, 80]);

    const broken = crypto.randomUUID();
    await using dead = await follow(broken);
    await upload(broken, "this is just some text, and no image");
    const last = (await dead.ended()).at(-1)!;
    assertEquals([last.event, last.data.reason], ["dead", "rejected"]);

    // Without the function's name, and from other pages, the events stay closed.
    for (const [query, origin] of [["", ORIGIN], ["?function=thumbnail", "https://elsewhere.example"]]) {
      const response = await fetch(`${asked.url}/messages/${id}/events${query}`, { headers: { origin } });
      await response.body?.cancel();
      assert(response.status === 401 || response.headers.get("access-control-allow-origin") === null);
    }
  },
);

browserTest(
  "example thumbnails: the page uploads an image, fills its bar, and shows the thumbnail",
  async (browser) => {
    const folder = fileURLToPath(new URL("../../examples/thumbnails/", import.meta.url));
    await using data = await BrokerPlace.make();
    const env = { ...data.env, BROKER: "embedded", BROKER_WS_PORT: "0", API_TOKEN: "t0ken" };
    await using runner = await startServing({ project: folder, env });
    const { page } = await browser.open({ permissions: ["local-network-access"] });
    // The page has the address that the function's configuration names, whoever listens there.
    const html = await Deno.readTextFile(`${folder}/page.html`);
    await page.route(`${ORIGIN}/*`, (route) => route.fulfill({ contentType: "text/html", body: html }));
    await page.goto(`${ORIGIN}/?api=${encodeURIComponent(runner.url)}`);
    const upload = async (name: string, bytes: Uint8Array) => {
      await page.setInputFiles("#file", { name, mimeType: "image/png", buffer: Buffer.from(bytes) });
    };
    await upload("large.png", await image(2_000, 1_000));
    await page.waitForFunction("document.getElementById('thumbnail').naturalWidth > 0");
    const shown = await page.evaluate(
      "[thumbnail.naturalWidth, thumbnail.naturalHeight, bar.value, state.textContent]",
    );
    assertEquals(shown, [160, 80, 100, "Done."]);
    await upload("broken.png", new TextEncoder().encode("this is just some text, and no image"));
    await page.waitForFunction("state.textContent === 'It failed: this is no PNG image.'");
    // The browser asks for an icon.
    assertEquals(browser.mistakes, []);
  },
);
