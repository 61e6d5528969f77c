/** The error of a run from which others have taken what it relied on: a collection, or a process that found a pack lost. */
import { SnapError } from '../model/errors.ts'

/** Nothing was saved, and nothing is lost by that: the next attempt stores again what is missing, and nothing else twice. */
export class PrunedMeanwhile extends SnapError {
  constructor() {
    super('OBJECT_MISSING', 'packs that this backup relied on were pruned or set aside while it ran', {
      hint: 'Nothing was saved. Run the backup again: what it stored will not be stored twice.',
    })
  }
}
