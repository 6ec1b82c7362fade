/** A queue, exchange or folder name that no other test and no other run uses. */
export function uniqueName(prefix = "test"): string {
  return `${prefix}.${crypto.randomUUID().slice(0, 13)}`;
}
