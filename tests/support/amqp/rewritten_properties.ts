import { joinBytes } from "../../../lib/base/bytes.ts";
import { ByteWriter } from "./byte_writer.ts";
import { encodeFrame, FRAME_HEADER } from "./wire.ts";

/** Class, weight and the body's size. */
const BEFORE_FLAGS = 12;

/** Changes the properties of each message that a broker sends on one connection. The frames stay whole. */
export function rewrittenProperties(change: (properties: Uint8Array) => Uint8Array): (bytes: Uint8Array) => Uint8Array {
  return rewrittenFrames((frame) => rewritten(frame, change));
}

/** Changes each frame that a broker sends on one connection. */
export function rewrittenFrames(change: (frame: Uint8Array) => Uint8Array): (bytes: Uint8Array) => Uint8Array {
  let waiting = new Uint8Array(0);
  return (bytes) => {
    const all = joinBytes([waiting, bytes]);
    const view = new DataView(all.buffer);
    const out: Uint8Array[] = [];
    let at = 0;
    while (all.length - at >= 8 && all.length - at >= view.getUint32(at + 3) + 8) {
      const end = at + view.getUint32(at + 3) + 8;
      out.push(change(all.subarray(at, end)));
      at = end;
    }
    waiting = all.slice(at);
    return joinBytes(out);
  };
}

function rewritten(frame: Uint8Array, change: (properties: Uint8Array) => Uint8Array): Uint8Array {
  if (frame[0] !== FRAME_HEADER) return frame;
  const payload = frame.subarray(7, -1);
  const writer = new ByteWriter();
  writer.raw(payload.subarray(0, BEFORE_FLAGS));
  writer.raw(change(payload.slice(BEFORE_FLAGS)));
  return encodeFrame(FRAME_HEADER, (frame[1] << 8) | frame[2], writer.take());
}
