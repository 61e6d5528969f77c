/** The error of a run that somebody else's collection overtook. */
import { SnapError } from '../model/errors.ts'

/** Nothing was saved, and nothing is lost: the next attempt stores again what is missing, and nothing else twice. */
export class PrunedMeanwhile extends SnapError {
  constructor() {
    super('OBJECT_MISSING', 'packs that this backup relied on were pruned while it ran', {
      hint: 'Nothing was lost. Run the backup again: what it stored will not be stored twice.',
    })
  }
}
