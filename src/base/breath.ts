/** Lets other work of this thread in now and then: loops that await only what is already there never do by themselves. */
import { setImmediate } from 'node:timers/promises'

const BREATH_EVERY_MS = 4

/** The function returned is cheap to call often: it waits for a turn of the event loop at most every 4 ms. */
export function createBreath(): () => Promise<void> | undefined {
  let last = performance.now()
  return () => {
    if (performance.now() - last < BREATH_EVERY_MS) return undefined
    return setImmediate().then(() => {
      last = performance.now()
    })
  }
}
