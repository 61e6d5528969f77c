/** Concurrency with a limit, in order. Knows nothing of what it runs. */

/** Runs `run` on each item, at most `limit` at once, and yields the results in the order of the items. */
export async function* mapBounded<T, R>(
  items: readonly T[],
  limit: number,
  run: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  for (let at = 0; at < items.length; at += limit)
    yield* await Promise.all(items.slice(at, at + limit).map(run))
}
