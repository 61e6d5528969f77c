/** What befalls the clients of one world beside each other and kills: its seed chooses. */
import type { Chance } from '../builders.ts'

export type Modes = {
  /** Paths are purged. */
  readonly purges: boolean
  /** Some backups, prunes and purges find the disk full. */
  readonly fullDisk: boolean
  /** Between two rounds an index object may be gone. */
  readonly losesIndexes: boolean
  /** Packs are set aside for damaged that are not. */
  readonly quarantines: boolean
  /** Nobody can tell which processes are running. */
  readonly unknownRuns: boolean
  /** A machine gets an older copy of its cache back. */
  readonly oldCaches: boolean
}

export function chooseModes(chance: Chance): Modes {
  return {
    purges: happens(chance, 0.5),
    fullDisk: happens(chance, 0.5),
    losesIndexes: happens(chance, 0.25),
    quarantines: happens(chance, 0.15),
    unknownRuns: happens(chance, 0.25),
    oldCaches: happens(chance, 0.5),
  }
}

/** True in `share` of all cases. */
export function happens(chance: Chance, share: number): boolean {
  return chance.int(1_000_000) < share * 1_000_000
}

/** `undefined` where there is none. Takes one number in any case. */
export function oneOf<T>(chance: Chance, items: readonly T[]): T | undefined {
  return items[chance.int(Math.max(items.length, 1))]
}
