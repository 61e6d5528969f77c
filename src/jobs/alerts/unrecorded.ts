/** That nothing can be remembered of runs, as something that people should know of. Pure. */
import type { SnapError } from '../../model/errors.ts'
import type { Condition } from './condition.ts'

/** `unkept`: why. */
export function unrecorded(unkept: SnapError | undefined): Condition[] {
  if (unkept === undefined) return []
  return [
    {
      key: 'unrecorded',
      kind: 'unrecorded',
      severity: 'warning',
      title: 'the history of runs cannot be kept',
      text: `${unkept.message}. Jobs run, but how they ended is not remembered`,
      hint: unkept.hint,
    },
  ]
}
