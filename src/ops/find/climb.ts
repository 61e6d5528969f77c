/**
 * From a directory up to the roots of snapshots: at which paths it lies, and in which of the snapshots that are searched.
 * Each directory on the way is asked for once; what does not lead to a root that is searched is left early.
 */
import { nameFromBytes } from '../../base/names.ts'
import type { EntriesTable, ParentRow } from '../../manifest/entries-table.ts'
import { DIRECTORY_DEPTH_MAX } from '../../model/limits.ts'
import type { SnapshotSet } from './snapshot-set.ts'

/** Entries that lead to one directory, and paths to it: a hostile repository can have 2^64 paths in 64 directories. */
const PLACES_MAX = 65_536
/** Places in memory: above that they are forgotten before the next directory is asked for. */
const PLACES_KEPT_MAX = 262_144
/** And above that no more are taken for the one that is being asked for. */
const PLACES_HELD_MAX = 524_288

/** Snapshots by path; the root's path is empty, others begin with `/`. */
export type Places = ReadonlyMap<string, SnapshotSet>

/** A directory whose places are being gathered. */
type Step = {
  readonly tree: number
  readonly parents: readonly ParentRow[]
  readonly places: Map<string, SnapshotSet>
  next: number
}

export class Climb {
  readonly #entries: Pick<EntriesTable, 'parentsOf'>
  readonly #roots: ReadonlyMap<number, SnapshotSet>
  readonly #known = new Map<number, Places>()
  #held = 0
  #isCut = false

  /** `roots`: the trees at which a climb ends. */
  constructor(entries: Pick<EntriesTable, 'parentsOf'>, roots: ReadonlyMap<number, SnapshotSet>) {
    this.#entries = entries
    this.#roots = roots
  }

  /** Whether something lay at more paths, or deeper, than are followed. */
  get isCut(): boolean {
    return this.#isCut
  }

  /** Empty where no snapshot that is searched has the directory. */
  places(tree: number): Places {
    if (this.#held > PLACES_KEPT_MAX) {
      this.#known.clear()
      this.#held = 0
    }
    return this.#known.get(tree) ?? this.#climb(tree)
  }

  /** Depth first without recursion: paths may be deeper than the stack. */
  #climb(tree: number): Places {
    const start = this.#open(tree)
    const stack = [start]
    const open = new Set([tree])
    for (let top: Step | undefined = start; top !== undefined; top = stack.at(-1)) {
      const parent = top.parents[top.next]
      if (parent === undefined) {
        this.#known.set(top.tree, top.places)
        open.delete(top.tree)
        stack.pop()
        continue
      }
      const above = this.#known.get(parent.tree)
      // Only a damaged manifest leads in circles.
      if (above === undefined && !open.has(parent.tree) && stack.length <= DIRECTORY_DEPTH_MAX) {
        stack.push(this.#open(parent.tree))
        open.add(parent.tree)
        continue
      }
      top.next += 1
      if (above === undefined) this.#isCut = true
      const name = nameFromBytes(parent.name)
      for (const [path, snapshots] of above ?? []) this.#add(top.places, `${path}/${name}`, snapshots)
    }
    return start.places
  }

  #open(tree: number): Step {
    const places = new Map<string, SnapshotSet>()
    const root = this.#roots.get(tree)
    if (root !== undefined) places.set('', root)
    const parents = this.#entries.parentsOf(tree, PLACES_MAX)
    if (parents.length === PLACES_MAX) this.#isCut = true
    this.#held += 1
    return { tree, parents, places, next: 0 }
  }

  #add(places: Map<string, SnapshotSet>, path: string, snapshots: SnapshotSet): void {
    const before = places.get(path)
    if (before !== undefined) {
      if (before !== snapshots) places.set(path, before.or(snapshots))
      return
    }
    if (places.size === PLACES_MAX || this.#held >= PLACES_HELD_MAX) {
      this.#isCut = true
      return
    }
    places.set(path, snapshots)
    this.#held += 1
  }
}
