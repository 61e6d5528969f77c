/**
 * `du`: what each snapshot and each series alone keep in the repository, and each directory of one snapshot. All stored
 * bytes are counted once, in one walk over the snapshots.
 */
import type { SeriesId, SnapshotId } from '../../model/ids.ts'
import type { Repository } from '../../repository/repository.ts'
import { decodeContent } from '../../snapshot/content.ts'
import { lookAgain } from '../overtaken.ts'
import { namesOf } from '../restore/selection.ts'
import { ChunkOwners } from './chunk-owners.ts'
import { DirectorySizes, type SizedDirectory } from './directory-sizes.ts'
import { type Division, NeedWalk } from './need-walk.ts'
import { EVERYBODY, type Owner, Owners } from './owners.ts'

export type DuRequest = {
  /** Of these also the bytes that they need, whoever else needs them: a walk for each. */
  readonly snapshots: readonly SnapshotId[]
  /** Divides one snapshot by its directories: those at and below `path`, down to `depth` levels. */
  readonly directory?:
    | { readonly snapshot: SnapshotId; readonly path: string; readonly depth: number }
    | undefined
}

/** All bytes are stored bytes: of a segment in proportion to its plaintext; headers and padding are nobody's. */
export type SnapshotUse = {
  readonly id: SnapshotId
  readonly series: SeriesId
  /** What would be freed if it alone were forgotten and pruned. */
  readonly bytesAlone: number
  readonly chunksAlone: number
  /** What it needs; `undefined` where that was not asked for. */
  readonly bytesNeeded: number | undefined
}

export type SeriesUse = {
  readonly series: SeriesId
  readonly snapshots: number
  /** What would be freed if the whole series were forgotten and pruned. */
  readonly bytesAlone: number
}

export type DirectoryUse = {
  readonly path: string
  readonly files: number
  /** Sizes of its files. */
  readonly size: number
  /** What would be freed if no snapshot had it. */
  readonly bytesAlone: number
}

export type DuReport = {
  /** Not forgotten; in the order of the log. */
  readonly snapshots: readonly SnapshotUse[]
  readonly series: readonly SeriesUse[]
  /** Each before what is in it. */
  readonly directories: readonly DirectoryUse[]
  /** Of all packs. */
  readonly bytesStored: number
  /** What these snapshots need together. */
  readonly bytesNeeded: number
  /** What several series need. */
  readonly bytesShared: number
  /** What forgotten snapshots alone need: a prune frees it. */
  readonly bytesForgotten: number
  /** What nothing needs, with headers and padding. */
  readonly bytesUnused: number
}

type Listed = {
  readonly path: string
  readonly owner: Owner
  readonly sized: SizedDirectory
  readonly below: ReadonlyMap<string, Listed>
}

/** `OBJECT_MISSING` or `OBJECT_DAMAGED` where a directory cannot be read; `PATH_UNKNOWN` where there is none at the path. */
export async function diskUse(
  repository: Repository,
  request: DuRequest,
  signal: AbortSignal,
): Promise<DuReport> {
  return await lookAgain(repository, () => measure(repository, request, signal))
}

async function measure(repository: Repository, request: DuRequest, signal: AbortSignal): Promise<DuReport> {
  const all = [...repository.log.state.snapshots.values()]
  const live = all.filter(({ forgotten, held }) => forgotten === undefined || held)
  const owners = new Owners()
  const series = new Map<SeriesId, Owner>()
  for (const snapshot of live)
    if (!series.has(snapshot.series)) series.set(snapshot.series, owners.add(EVERYBODY))
  const ownerOf = new Map(
    live.map((snapshot) => [snapshot.id, owners.add(series.get(snapshot.series) ?? EVERYBODY)]),
  )
  const { manifest } = repository
  const chunks = new ChunkOwners(manifest, manifest.packs.list(), owners, { withBases: true })
  const walk = new NeedWalk({ repository, chunks, owners, signal })

  const divided = await divide(repository, request.directory, owners, ownerOf, signal)
  // The one that is divided comes first, so that no directory of it was met before.
  const first = live.filter(({ id }) => id === request.directory?.snapshot)
  for (const { id, root } of [...first, ...live.filter((snapshot) => !first.includes(snapshot))]) {
    const below = id === request.directory?.snapshot ? divided?.division : undefined
    await walk.directory(decodeContent(root), ownerOf.get(id) ?? EVERYBODY, below)
  }
  const held = chunks.held()
  const bytesOf = (owner: Owner | undefined): number => held.bytes[owner ?? EVERYBODY] ?? 0
  const bytesSeries = [...series.values()].reduce((sum, owner) => sum + bytesOf(owner), 0)
  const needed = new Map<SnapshotId, number>()
  for (const id of request.snapshots) needed.set(id, await bytesNeeded(repository, [id], signal))
  const gone = all.filter((snapshot) => !live.includes(snapshot))
  const together =
    gone.length === 0
      ? bytesOf(EVERYBODY)
      : await bytesNeeded(
          repository,
          all.map(({ id }) => id),
          signal,
        )
  const bytesStored = chunks.packs.reduce((sum, { bytes }) => sum + bytes, 0)
  return {
    snapshots: live.map(({ id, series: of }) => ({
      id,
      series: of,
      bytesAlone: bytesOf(ownerOf.get(id)),
      chunksAlone: held.chunks[ownerOf.get(id) ?? EVERYBODY] ?? 0,
      bytesNeeded: needed.get(id),
    })),
    series: [...series].map(([id, owner]) => ({
      series: id,
      snapshots: live.filter((snapshot) => snapshot.series === id).length,
      bytesAlone: bytesOf(owner),
    })),
    directories: (divided?.listed ?? []).map(({ path, owner, sized }) => ({
      path,
      files: sized.files,
      size: sized.bytes,
      bytesAlone: bytesOf(owner),
    })),
    bytesStored,
    bytesNeeded: bytesOf(EVERYBODY),
    bytesShared: bytesOf(EVERYBODY) - bytesSeries,
    bytesForgotten: together - bytesOf(EVERYBODY),
    bytesUnused: bytesStored - together,
  }
}

/** What some snapshots need together. */
async function bytesNeeded(
  repository: Repository,
  ids: readonly SnapshotId[],
  signal: AbortSignal,
): Promise<number> {
  const { manifest, log } = repository
  const owners = new Owners()
  const chunks = new ChunkOwners(manifest, manifest.packs.list(), owners, { withBases: true })
  const walk = new NeedWalk({ repository, chunks, owners, signal })
  for (const id of ids) {
    const root = log.state.snapshots.get(id)?.root
    if (root !== undefined) await walk.directory(decodeContent(root), EVERYBODY)
  }
  return chunks.held().bytes[EVERYBODY] ?? 0
}

async function divide(
  repository: Repository,
  directory: DuRequest['directory'],
  owners: Owners,
  ownerOf: ReadonlyMap<SnapshotId, Owner>,
  signal: AbortSignal,
): Promise<{ readonly listed: readonly Listed[]; readonly division: Division | undefined } | undefined> {
  const root = directory && repository.log.state.snapshots.get(directory.snapshot)?.root
  if (directory === undefined || root === undefined) return undefined
  const names = namesOf(directory.path)
  const sizes = new DirectorySizes(repository, signal)
  const sized = await sizes.at(decodeContent(root), names, directory.depth)
  const whole = ownerOf.get(directory.snapshot) ?? EVERYBODY
  const listed: Listed[] = []
  const list = (one: SizedDirectory, path: string, owner: Owner): Listed => {
    const below = new Map<string, Listed>()
    const entry = { path: path === '' ? '/' : path, owner, sized: one, below }
    listed.push(entry)
    for (const child of one.directories)
      below.set(child.name, list(child, `${path}/${child.name}`, owners.add(owner)))
    return entry
  }
  const target = list(
    sized,
    names.map((name) => `/${name}`).join(''),
    names.length === 0 ? whole : owners.add(whole),
  )
  let division = divisionOf(target)
  let owner = target.owner
  for (const wanted of names.toReversed()) {
    const [inner, innerOwner] = [division, owner]
    division = (name) =>
      name === wanted ? { owner: innerOwner, below: inner } : { owner: whole, below: undefined }
    owner = whole
  }
  return { listed, division }
}

function divisionOf({ owner, below }: Listed): Division | undefined {
  if (below.size === 0) return undefined
  return (name) => {
    const child = below.get(name)
    return child === undefined ? { owner } : { owner: child.owner, below: divisionOf(child) }
  }
}
