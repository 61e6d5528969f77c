/** The error of a run whose snapshot another has saved under the same id while it ran. */
import { SnapError } from '../model/errors.ts'
import type { SnapshotId } from '../model/ids.ts'

/** Nothing was saved by this run, and nothing is lost by that. */
export class SavedMeanwhile extends SnapError {
  constructor(id: SnapshotId) {
    super('REPOSITORY_EXISTS', `snapshot ${id} was saved by another meanwhile`, {
      hint: 'There is nothing left to do.',
    })
  }
}
