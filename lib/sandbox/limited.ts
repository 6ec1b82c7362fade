/** Waits for `work`, at most `ms` milliseconds: then rejects with what `late` makes, and nobody hears of the work any more. */
export async function limited<T>(ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late()), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
