import { joinBytes } from "../../base/bytes.ts";
import { WarrenError } from "../../base/errors.ts";
import { Problem } from "../problem.ts";

/**
 * Reads the whole body of a request, up to the limit.
 *
 * @throws {WarrenError} `tooLarge` as soon as the limit is exceeded
 * @throws {Problem} 400 if the client disconnects before the end
 */
export async function bodyOf(request: Request, limit: number): Promise<Uint8Array> {
  const tooLarge = () => new WarrenError("tooLarge", `the body is larger than ${limit} bytes`);
  if (Number(request.headers.get("content-length") ?? 0) > limit) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of request.body ?? []) {
      size += chunk.length;
      if (size > limit) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof WarrenError) throw error;
    throw new Problem(400, "Bad Request", `the body broke off after ${size} bytes`);
  }
  return joinBytes(chunks, size);
}
