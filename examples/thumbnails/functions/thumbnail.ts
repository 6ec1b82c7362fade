import { type FunctionConfig, type Handler, type Message, Reject } from "warren";
import { Buffer } from "node:buffer";
import { PNG } from "pngjs";
import { halved, type Image, scaled } from "../scale.ts";

/** The longest side of a thumbnail, in pixels. */
const SIDE = 160;
/** The first bytes of every PNG image. */
const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
/** An image that unpacks to more is not worth its memory. */
const MOST_PIXELS = 50_000_000;

/**
 * Makes a thumbnail of a PNG image, and says how far it is. The page uploads to `/thumbnails`, and follows its message by the
 * id that it has given it.
 */
export const config = {
  http: {
    path: "/thumbnails",
    public: true,
    origins: ["http://127.0.0.1:8080", "http://localhost:8080"],
    events: true,
    maxBody: "10MB",
  },
  body: "raw",
  concurrency: 2,
  memory: "1GB",
} satisfies FunctionConfig;

const thumbnail: Handler<Uint8Array, Uint8Array> = async ({ body }: Message<Uint8Array>, context) => {
  context.progress({ step: "reading", percent: 0 });
  let image = imageIn(body);
  const [from, longest] = [`${image.width} × ${image.height}`, Math.max(image.width, image.height)];
  const halvings = Math.max(0, Math.floor(Math.log2(longest / SIDE)));
  for (let done = 0; done < halvings; done++) {
    image = halved(image);
    context.progress({ step: "resizing", from, percent: Math.round(10 + 80 * (done + 1) / (halvings + 1)) });
    // Others run meanwhile, and a time limit can stop it here.
    await new Promise((resolve) => setTimeout(resolve));
    context.signal.throwIfAborted();
  }
  const factor = Math.min(1, SIDE / Math.max(image.width, image.height));
  const small = scaled(
    image,
    Math.max(1, Math.round(image.width * factor)),
    Math.max(1, Math.round(image.height * factor)),
  );
  context.progress({ step: "writing", from, percent: 90 });
  const png = new PNG({ width: small.width, height: small.height });
  png.data = Buffer.from(small.data);
  const bytes = PNG.sync.write(png);
  context.log.info("made a thumbnail", { from, to: `${small.width} × ${small.height}`, bytes: bytes.length });
  context.progress({ step: "done", from, percent: 100 });
  return new Uint8Array(bytes);
};
export default thumbnail;

/** What is no image now never becomes one, so it is not tried again. */
function imageIn(bytes: Uint8Array): Image {
  if (bytes.length < 24 || !SIGNATURE.every((byte, at) => bytes[at] === byte)) throw new Reject("this is no PNG image");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pixels = view.getUint32(16) * view.getUint32(20);
  if (pixels > MOST_PIXELS) throw new Reject(`the image has ${pixels} pixels, more than ${MOST_PIXELS}`);
  try {
    const { width, height, data } = PNG.sync.read(Buffer.from(bytes));
    return { width, height, data };
  } catch {
    throw new Reject("this is no PNG image");
  }
}
