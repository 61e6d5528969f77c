/**
 * The one log entry of a collection. What it condemns is decided anew each time that another writer was faster: whatever
 * a snapshot committed, held or had back meanwhile needs is spared.
 */
import { during } from '../../base/trace.ts'
import type { GcPayload } from '../../log/payloads.ts'
import type { PackRow } from '../../manifest/packs-table.ts'
import { hasCode, type SnapError } from '../../model/errors.ts'
import type { IndexId, PackId, SnapshotId } from '../../model/ids.ts'
import { discardIndexes, type StoredIndex } from '../../repository/index-writer.ts'
import type { Repository } from '../../repository/repository.ts'
import type { Holdings } from './inventory.ts'
import { divideSnapshots } from './kept-snapshots.ts'
import type { Needed } from './mark.ts'
import { changeIndexes, writeIndexes } from './new-indexes.ts'
import type { Strays } from './strays.ts'

/** Ids in an entry that must fit into its object, since a full disk has no room for a list. */
const SMALL_ENTRY_IDS = 1_000

export type CollectParts = {
  readonly holdings: Holdings
  readonly needed: Needed
  /** Nothing in them is needed, or it was copied. */
  readonly packs: readonly PackRow[]
  /** New copies. Whatever else is needed and no entry names yet is named too. */
  readonly fresh: readonly PackRow[]
  readonly strays: Strays
  /** Writes nothing but the entry itself, and keeps that small. */
  readonly small: boolean
  readonly undoMs: number
  /** Forgotten snapshots that are not spared for that long. */
  readonly atOnce?: ReadonlySet<SnapshotId> | undefined
  /** `collections` of the log when the first of all this was looked up. */
  readonly collections: number
}

export type Collected = {
  readonly packs: readonly PackId[]
  readonly indexes: readonly IndexId[]
  readonly newIndexes: readonly StoredIndex[]
  readonly snapshots: readonly SnapshotId[]
  /** The entry is durable, but the manifest could not take it in: its disk is full. */
  readonly unrecorded?: SnapError | undefined
}

/** Ends a try whose basis is gone: another collected or quarantined packs meanwhile. */
class Overtaken extends Error {}

/** `undefined` where another collected meanwhile: then all is to be looked at anew. The entry is durable on return, if there was anything to say. */
export function collect(repository: Repository, parts: CollectParts): Promise<Collected | undefined> {
  return during('collect', () => collectNow(repository, parts))
}

async function collectNow(repository: Repository, parts: CollectParts): Promise<Collected | undefined> {
  let stored: readonly StoredIndex[] = []
  let collected: Collected | undefined
  const draft = async (): Promise<Collected> => {
    await discardIndexes(repository.storage, stored)
    stored = []
    // Readers follow the log as well: not every entry that came meanwhile has taken a place from this one.
    const choice = await chooseNow(repository, parts)
    if (repository.log.collections !== parts.collections) throw new Overtaken()
    stored = await writeIndexes(repository, choice.renamed)
    collected = { ...choice, newIndexes: stored }
    return collected
  }
  try {
    const first = await draft()
    if (isEmpty(first)) return first
    await repository.log.append(
      async (_state, lost) =>
        payloadOf(lost.length === 0 && collected !== undefined ? collected : await draft()),
      () => stored,
    )
  } catch (error) {
    if (hasCode(error, 'MANIFEST_FAILED') && isDurable(repository, collected)) {
      return { ...collected, unrecorded: error }
    }
    // Not after any other error: the entry that names them may be there although its writing reported a failure.
    if (!(error instanceof Overtaken)) throw error
    await discardIndexes(repository.storage, stored)
    return undefined
  }
  return collected
}

/** The fold has the entry: it is in the log. */
function isDurable({ log }: Repository, collected: Collected | undefined): collected is Collected {
  const [first] = collected?.packs ?? []
  return first !== undefined && log.state.condemnedPacks.has(first)
}

const isEmpty = ({ packs, indexes, newIndexes, snapshots }: Collected): boolean =>
  packs.length + indexes.length + newIndexes.length + snapshots.length === 0

function payloadOf({ packs, indexes, newIndexes, snapshots }: Collected): GcPayload {
  return { kind: 'gc', packs, indexes, newIndexes, snapshots }
}

type Choice = Omit<Collected, 'newIndexes'> & { readonly renamed: readonly PackRow[] }

/** Of the log as it is when this returns: marking reads, and who misses something reads on in the log. */
async function chooseNow(repository: Repository, parts: CollectParts): Promise<Choice> {
  for (;;) {
    const { next } = repository.log.state
    const choice = await choose(repository, parts)
    if (repository.log.state.next === next) return choice
  }
}

async function choose(repository: Repository, parts: CollectParts): Promise<Choice> {
  const { needed, small, strays } = parts
  const { undoMs, atOnce } = parts
  const { kept, pruned } = divideSnapshots(repository.log.state, repository.clock.now(), undoMs, atOnce)
  needed.learn()
  await needed.add(kept)
  const going = new Set(parts.packs.map(({ no }) => no))
  if (!needed.keepBasesOfTouched(going)) throw new Overtaken()
  const named = new Set(repository.manifest.packs.list('live').map(({ id }) => id))
  const snapshots = pruned.map(({ id }) => id)
  const packs = [
    ...parts.packs.filter(({ no }) => !needed.touched.has(no) && !needed.mourned.has(no)).map(({ id }) => id),
    // Somebody's backup may have committed them by now.
    ...strays.packs.filter((id) => !named.has(id)),
  ]
  if (small) return chooseFew(snapshots, packs)
  const indexes = strays.indexes.filter((id) => !repository.log.state.indexes.has(id))
  const condemned = new Set(packs)
  const fresh = [...parts.fresh, ...needed.unnamed].filter(({ id }) => !condemned.has(id))
  // Another process on this manifest found one missing.
  if (fresh.some(({ no }) => repository.manifest.packs.byNo(no) === undefined)) throw new Overtaken()
  const change = changeIndexes(repository, parts.holdings, condemned, fresh)
  return { packs, snapshots, indexes: [...indexes, ...change.condemned], renamed: change.renamed }
}

/** Snapshots first: what they need must not go while they could still be had back. */
function chooseFew(snapshots: readonly SnapshotId[], packs: readonly PackId[]): Choice {
  const first = snapshots.slice(0, SMALL_ENTRY_IDS)
  const all = first.length === snapshots.length
  return { snapshots: first, packs: all ? packs.slice(0, SMALL_ENTRY_IDS) : [], indexes: [], renamed: [] }
}
