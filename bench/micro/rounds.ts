/** A figure of one part of the program: measured in rounds, told by their median. */

/** Rounds of each figure. */
export const ROUNDS = 7
const ROUND_MS = 80

export interface Figure {
  readonly part: string
  readonly name: string
  readonly unit: string
  /** One for each round. */
  readonly values: readonly number[]
}

/** What `once` does each second: it does `amount` of `unit` in one go, and is run for a while in each round. */
export function perSecond(
  part: string,
  name: string,
  unit: string,
  amount: number,
  once: () => void,
): Figure {
  const values = Array.from({ length: ROUNDS }, () => {
    const start = performance.now()
    let times = 0
    while (performance.now() - start < ROUND_MS) {
      once()
      times += 1
    }
    return (times * amount) / ((performance.now() - start) / 1_000)
  })
  return { part, name, unit, values }
}

/** The same of work that takes long enough by itself: once in each round, which is given its number. */
export function perSecondOnce(
  part: string,
  name: string,
  unit: string,
  amount: number,
  once: (round: number) => void,
): Figure {
  const values = Array.from(
    { length: ROUNDS },
    (_, round) => amount / (milliseconds(() => once(round)) / 1_000),
  )
  return { part, name, unit, values }
}

export function milliseconds(work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}
