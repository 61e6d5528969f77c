/**
 * The snapshots of a log state with what their details and tags say, for whoever decides about them. What may change
 * comes from the state alone, never from the manifest, which another process may have taken further or not as far.
 */
import type { Box } from '../crypto/box.ts'
import {
  type ContentKeys,
  type LogPlace,
  openDetails,
  openTags,
  type SnapshotDetails,
  type SnapshotSource,
  validateDetails,
} from '../log/details.ts'
import type { LoggedSnapshot, LogState } from '../log/log-state.ts'
import { SnapError, unlessDamaged } from '../model/errors.ts'
import { type SeriesId, type SnapshotId, snapshotId } from '../model/ids.ts'
import type { Repository } from '../repository/repository.ts'

export type CurrentSnapshot = {
  readonly id: SnapshotId
  readonly series: SeriesId
  /** Of its log entry; where a purge made it from another, of that one's. */
  readonly number: number
  /** When it was taken and when it was committed, ms since the epoch, as its writer says. */
  readonly timeMs: number
  readonly committedMs: number
  /** Its details open. Where they do not, host is empty, and so are paths and tags. */
  readonly isReadable: boolean
  readonly host: string
  readonly paths: readonly string[]
  readonly tags: readonly string[]
  readonly label: string | null
  /** Of a job; empty where its details do not open. */
  readonly sources: readonly SnapshotSource[]
  /** Something was unreadable when it was made, or its details are now. */
  readonly incomplete: boolean
  readonly held: boolean
  readonly forgotten: boolean
  /** The snapshot that an admin's purge made it from. */
  readonly original?: SnapshotId | undefined
}

/** In the order of their numbers, forgotten ones among them. */
export type SnapshotsOf = (state: Readonly<LogState>) => CurrentSnapshot[]

/** `KEY_WRONG` for a role that cannot read content. Nothing is opened twice, however often states are asked about. */
export async function snapshotsReader(repository: Repository): Promise<SnapshotsOf> {
  const { contentPublic, contentSecret } = repository.keys
  if (contentSecret === undefined) {
    throw new SnapError('KEY_WRONG', 'this key cannot read the names and tags of snapshots', {
      hint: 'Use the key of an admin or a reader.',
    })
  }
  const opener = new Opener(await repository.box(), { contentPublic, contentSecret })
  for (const { id, details } of repository.manifest.snapshots.list({ forgotten: 'both' })) {
    opener.know(id, details)
  }
  return (state) =>
    [...state.snapshots.values()]
      .map((snapshot) => opener.current(snapshot, state))
      .sort((left, right) => left.number - right.number)
}

class Opener {
  readonly #box: Box
  readonly #keys: ContentKeys
  /** Details never change. */
  readonly #details = new Map<SnapshotId, SnapshotDetails | undefined>()
  readonly #tags = new WeakMap<Uint8Array, readonly string[]>()

  constructor(box: Box, keys: ContentKeys) {
    this.#box = box
    this.#keys = keys
  }

  /** A manifest that a writer's key has filled holds none. */
  know(id: SnapshotId, details: unknown): void {
    // A writer may have sealed nonsense.
    const known = unlessDamaged(() => validateDetails(details))
    if (known !== undefined) this.#details.set(id, known)
  }

  current(snapshot: LoggedSnapshot, state: Readonly<LogState>): CurrentSnapshot {
    const { id, series, timeMs, held, forgotten } = snapshot
    const details = this.#detailsOf(snapshot)
    // A writer who could name an original would have a purge take it, and forge the clocks of others.
    const said = state.keys.get(snapshot.author)?.role === 'admin' ? details : undefined
    const original = originalOf(said)
    // As long as the original is live itself, nobody else stands in its place.
    const before = original === undefined ? undefined : state.snapshots.get(original)
    const isAlone = before === undefined || before.forgotten !== undefined
    const { number, committedMs } = placeOf(snapshot, isAlone ? said?.place : undefined)
    return {
      id,
      series,
      number,
      timeMs,
      committedMs,
      isReadable: details !== undefined,
      host: details?.hostname ?? '',
      paths: details?.paths ?? [],
      tags: this.#tagsOf(snapshot) ?? details?.tags ?? [],
      label: details?.label ?? null,
      sources: details?.sources ?? [],
      incomplete: details?.incomplete ?? true,
      held,
      forgotten: forgotten !== undefined,
      original,
    }
  }

  #detailsOf({ id, details }: LoggedSnapshot): SnapshotDetails | undefined {
    if (!this.#details.has(id)) {
      const opened = unlessDamaged(() => openDetails(this.#box, this.#keys, details))
      this.#details.set(id, opened)
    }
    return this.#details.get(id)
  }

  #tagsOf({ tags: sealed }: LoggedSnapshot): readonly string[] | undefined {
    if (sealed === undefined) return undefined
    const known = this.#tags.get(sealed)
    if (known !== undefined) return known
    const opened = unlessDamaged(() => openTags(this.#box, this.#keys, sealed))
    if (opened !== undefined) this.#tags.set(sealed, opened)
    return opened
  }
}

function placeOf({ number, committedMs }: LoggedSnapshot, place: LogPlace | undefined): LogPlace {
  return place !== undefined && place.number >= 0 && place.number < number ? place : { number, committedMs }
}

function originalOf(said: SnapshotDetails | undefined): SnapshotId | undefined {
  const { original } = said ?? {}
  return original === undefined ? undefined : unlessDamaged(() => snapshotId(original))
}

/** `1a2b3c4d (web1: /srv /etc)`: how messages name one. */
export function nameOf({ id, isReadable, host, paths }: CurrentSnapshot): string {
  return `${id.slice(0, 8)} (${isReadable ? `${host}: ${paths.join(' ')}` : 'its details do not open'})`
}

/** `SNAPSHOT_UNKNOWN` where one of them is not there (any more): it was pruned meanwhile. */
export function byIds(
  snapshots: readonly CurrentSnapshot[],
  ids: readonly SnapshotId[],
): readonly CurrentSnapshot[] {
  const known = new Map(snapshots.map((snapshot) => [snapshot.id, snapshot] as const))
  return [...new Set(ids)].map((id) => {
    const snapshot = known.get(id)
    if (snapshot !== undefined) return snapshot
    throw new SnapError('SNAPSHOT_UNKNOWN', `snapshot ${id} is not there: it was pruned`, {
      hint: 'What `snap prune` has freed cannot be had back.',
    })
  })
}

/** `USAGE` for a forgotten one. `what`: `held`. */
export function refuseForgotten(snapshots: readonly CurrentSnapshot[], what: string): void {
  const forgotten = snapshots.find((snapshot) => snapshot.forgotten)
  if (forgotten === undefined) return
  throw new SnapError('USAGE', `snapshot ${nameOf(forgotten)} is forgotten, and cannot be ${what}`, {
    hint: `Bring it back first with \`snap forget --undo ${forgotten.id.slice(0, 8)}\`.`,
  })
}
