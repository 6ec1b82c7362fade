import { AMQPView } from "@cloudamqp/amqp-client/amqp-view";

/*
 * Mends of @cloudamqp/amqp-client 4.1.1 that have to be made on its prototypes.
 * Each has a test that fails when the pinned version changes what it relies on.
 */

/** Tables nested deeper than this are refused: reading them by recursion would end the process. */
const MAX_DEPTH = 32;

/** The key of a header table that could not be read; its value says why. */
export const MALFORMED = "warren-malformed";

let patched = false;

/** Applies the mends, once. */
export function patchClient(): void {
  if (patched) return;
  patched = true;
  const view = AMQPView.prototype;
  const { setField, getTable, getArray, getByteArray } = view;

  // Whole numbers from 2^31 to 2^32 were written as negative ones, and decimals as 32-bit floats:
  // each republish of a message corrupted its headers.
  view.setField = function (offset, field, littleEndian) {
    if (typeof field !== "number") return setField.call(this, offset, field, littleEndian);
    if (Number.isInteger(field) && field >= -0x80000000 && field <= 0x7fffffff) {
      this.setUint8(offset, "I".charCodeAt(0));
      this.setInt32(offset + 1, field, littleEndian);
      return 5;
    }
    if (Number.isSafeInteger(field)) {
      this.setUint8(offset, "l".charCodeAt(0));
      this.setBigInt64(offset + 1, BigInt(field), littleEndian);
      return 9;
    }
    this.setUint8(offset, "d".charCodeAt(0));
    this.setFloat64(offset + 1, field, littleEndian);
    return 9;
  };

  // Headers nested without end, or of an unknown type, were an exception nobody could catch.
  let depth = 0;
  view.getTable = function (offset, littleEndian) {
    const length = this.getUint32(offset, littleEndian);
    if (depth >= MAX_DEPTH) throw new RangeError(`a header table is nested deeper than ${MAX_DEPTH}`);
    depth++;
    try {
      return getTable.call(this, offset, littleEndian);
    } catch (error) {
      if (depth > 1) throw error;
      return [{ [MALFORMED]: error instanceof Error ? error.message : String(error) }, length + 4];
    } finally {
      depth--;
    }
  };
  view.getArray = function (offset, littleEndian) {
    if (depth >= MAX_DEPTH) throw new RangeError(`a header array is nested deeper than ${MAX_DEPTH}`);
    depth++;
    try {
      return getArray.call(this, offset, littleEndian);
    } finally {
      depth--;
    }
  };

  // Byte arrays were views over the socket's buffer, with other messages in it.
  view.getByteArray = function (offset, littleEndian) {
    const [bytes, length] = getByteArray.call(this, offset, littleEndian);
    return [bytes.slice(), length];
  };
}
