/**
 * Takes directories out of the manifest that no snapshot has any more, with their rows and the names in them. Whatever it
 * takes too much can be read from the repository again. It does not know which directories are needed.
 */
import { createBreath } from '../base/breath.ts'
import type { Manifest } from '../manifest/manifest.ts'

/** Of one transaction, for which others wait. */
const TREES_AT_ONCE = 2_048

export type ForgetTreesParts = {
  readonly manifest: Manifest
  /** Directories with higher numbers were added since it was looked at what is needed: they stay. */
  readonly lastNo: number
  readonly isNeeded: (tree: Uint8Array) => boolean
  readonly signal: AbortSignal
}

/** Returns how many went. Cancelled, it keeps what is done. */
export async function forgetTrees({ manifest, lastNo, isNeeded, signal }: ForgetTreesParts): Promise<number> {
  const breathe = createBreath()
  let count = 0
  let after = 0
  for (;;) {
    signal.throwIfAborted()
    const trees = manifest.trees.keys(after, lastNo, TREES_AT_ONCE)
    const last = trees.at(-1)
    if (last === undefined) return count
    const gone = trees.filter(({ id }) => !isNeeded(id))
    if (gone.length > 0) {
      manifest.transaction(() => {
        for (const { no } of gone) manifest.trees.remove(no)
      })
    }
    count += gone.length
    after = last.no
    await breathe()
  }
}
