/** What the last good drill of a name has measured, remembered as JSON. */
import { z } from 'zod'
import type { State } from '../state/state.ts'
import type { Measured } from './report.ts'

/** What JavaScript can write as a date. */
const ms = z.number().min(-8.64e15).max(8.64e15)
const MEASURED: z.ZodType<Measured> = z.object({
  run: z.string(),
  at: ms,
  recoveryMs: z.number().min(0),
  snapshot: z.object({ id: z.string(), time: ms }),
  categories: z.array(z.string()),
})

/** As it was remembered; `undefined` for what this program has not written. */
export const measuredIn = (value: unknown): Measured | undefined => MEASURED.safeParse(value).data

/** `key`: of the configuration in the history. */
const measuredName = (key: string, drill: string): string => `measured ${key} ${drill}`

export const recallMeasured = (state: State, key: string, drill: string): Measured | undefined =>
  measuredIn(state.recall(measuredName(key, drill)))

export function rememberMeasured(state: State, key: string, drill: string, measured: Measured): void {
  state.remember(measuredName(key, drill), measured)
}
