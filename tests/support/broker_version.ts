import { RawClient } from "./amqp/raw_client.ts";

/** What the broker at `url` says that it is, as in `4.3.6`. */
export async function brokerVersion(url: string): Promise<string> {
  await using client = await RawClient.connect(url);
  const { version } = client.serverProperties;
  await client.close();
  return String(version.value);
}

/** Whether a version is `least` or a later one. */
export function isAtLeast(version: string, least: string): boolean {
  const [numbers, bounds] = [version, least].map((text) => text.split(".").map((part) => parseInt(part) || 0));
  for (const [index, bound] of bounds.entries()) {
    const number = numbers[index] ?? 0;
    if (number !== bound) return number > bound;
  }
  return true;
}
