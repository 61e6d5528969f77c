/** Runs `act` on one after the other, on `parallel` and one more at a time. Throws the first failure when all that were begun have ended. */
export async function inTurn<T>(
  things: readonly T[],
  parallel: number,
  signal: AbortSignal,
  act: (thing: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  for (const thing of things) {
    if (failure !== undefined || signal.aborted) break
    const work: Promise<void> = act(thing)
      .catch((error: unknown) => {
        failure ??= { error }
      })
      .finally(() => running.delete(work))
    running.add(work)
    if (running.size > parallel) await Promise.race(running)
  }
  await Promise.all(running)
  if (failure !== undefined) throw failure.error
  signal.throwIfAborted()
}
