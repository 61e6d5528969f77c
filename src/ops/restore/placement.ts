/**
 * An entry on its way to its place in the target. Where something stands there already, the new entry is made whole under a name beside
 * it first: what cannot be made takes nothing away.
 */
import { toHex } from '../../base/bytes.ts'
import type { Random } from '../../model/clock.ts'
import type { TargetDirectory } from '../../model/files.ts'
import type { Entry } from '../../snapshot/entry.ts'

export type Place = {
  /** Below the target, names joined by `/`: the directory that the entry goes to, or that it is. */
  readonly directory: string
  /** In the snapshot. */
  readonly path: string
  readonly entry: Entry
}

export type Placement = Place & {
  /** Something is there that it replaces. */
  readonly replaces: boolean
  /** Takes away what no renaming replaces, once the new entry is whole. */
  readonly clear: ((directory: TargetDirectory) => void) | undefined
}

/** `make` makes the entry under the name that it gets. */
export function putEntry(
  directory: TargetDirectory,
  {
    entry: { name },
    replaces,
    clear,
  }: Pick<Placement, 'replaces' | 'clear'> & { readonly entry: Pick<Entry, 'name'> },
  random: Random,
  make: (name: string) => void,
): void {
  if (!replaces) {
    make(name)
    return
  }
  const temporary = temporaryName(random)
  try {
    make(temporary)
    clear?.(directory)
    directory.rename(temporary, name)
  } catch (error) {
    try {
      if (directory.lstat(temporary) !== undefined) directory.removeOne(temporary)
    } catch {
      // The failure itself is reported, and names what is left.
    }
    throw error
  }
}

const TEMPORARY_NAME_BYTES = 8

/** Beside what it will replace; dot first, so that a listing shows it least. */
export function temporaryName(random: Random): string {
  return `.snap-${toHex(random.bytes(TEMPORARY_NAME_BYTES))}.tmp`
}
