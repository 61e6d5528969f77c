/** A signal that ends something after a time, or when another signal does. */

export type TimeLimit = Disposable & {
  readonly signal: AbortSignal
  /** Whether it was the time. */
  readonly isOver: () => boolean
}

/** Holds a timer, and a listener at `outer`, until it is disposed of. `timeoutMs`: ms. */
export function timeLimit(outer: AbortSignal, timeoutMs: number): TimeLimit {
  const controller = new AbortController()
  const passOn = (): void => controller.abort(outer.reason)
  let isOver = false
  const timer = setTimeout(() => {
    isOver = true
    controller.abort()
  }, timeoutMs)
  if (outer.aborted) passOn()
  outer.addEventListener('abort', passOn, { once: true })
  return {
    signal: controller.signal,
    isOver: () => isOver,
    [Symbol.dispose]() {
      clearTimeout(timer)
      outer.removeEventListener('abort', passOn)
    },
  }
}
