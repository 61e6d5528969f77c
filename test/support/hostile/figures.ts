/** What a suite of hostile repositories (T9) says for the scorecard: its cases, those that did harm, and the worst of time and memory. */
import { afterAll, afterEach } from 'vitest'
import { Figures } from '../figures.ts'

/** ms, and bytes of memory, of the worst operation. */
export type Worst = { readonly ms: number; readonly memory: number }

/** For the top of a test file. `what`: the cases, in the plural; `worst` is read at the end, and absent where nothing is measured. */
export function hostileFigures(url: string, what: string, cases: () => number, worst?: Worst): void {
  const figures = new Figures('T9', url)
  let failed = 0
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') failed += 1
  })
  afterAll(() => {
    figures.record({
      tried: what,
      count: cases(),
      wrongly: 'that wrote outside the target, hung, filled the memory or ended without a clear error',
      wrong: failed,
      target: { wrong: 0 },
    })
    if (worst === undefined) return
    figures.measure({ name: `slowest operation on ${what}`, value: Math.round(worst.ms), unit: 'ms' })
    figures.measure({
      name: `most memory taken by ${what}`,
      value: Math.round(worst.memory / 1e6),
      unit: 'MB',
    })
  })
}
