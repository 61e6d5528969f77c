/**
 * What a search has found, gathered by path: the versions of each, and the snapshots that hold them. Snapshots are places in
 * a list that is ordered by series, then by time.
 */

import { toHex } from '../../base/bytes.ts'
import { compareNames } from '../../base/names.ts'
import type { EntryRow } from '../../manifest/entries-table.ts'
import type { EntryType } from '../../model/files.ts'
import { ENTRY_TYPES } from '../../snapshot/entry.ts'
import type { SnapshotSummary } from '../select-moment.ts'
import { SnapshotSet } from './snapshot-set.ts'

/** Versions in memory. */
const VERSIONS_MAX = 1_000_000

export type FoundVersion = {
  readonly type: EntryType
  readonly size: number
  readonly mtimeSec: number
  readonly mtimeNsec: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Those that hold it, by their places in the list. */
  readonly snapshots: Pick<SnapshotSet, 'has' | 'members'>
}

export type FoundFile = {
  readonly path: string
  readonly hostname: string
  /** In the order of the first snapshots that hold them. */
  readonly versions: readonly FoundVersion[]
}

/** Times of the first and the last snapshot, in ms. */
type Span = { readonly first: number; readonly last: number }
type Dated = Span & { readonly version: FoundVersion }

type Version = { readonly row: EntryRow; snapshots: SnapshotSet }
type Host = {
  readonly hostname: string
  readonly snapshots: SnapshotSet
  readonly files: Map<string, Map<string, Version>>
}

export class FoundFiles {
  readonly #snapshots: readonly SnapshotSummary[]
  readonly #hosts: readonly Host[]
  readonly #spans = new Map<SnapshotSet, Span>()
  #versions = 0

  constructor(snapshots: readonly SnapshotSummary[]) {
    this.#snapshots = snapshots
    const hosts = new Map<string, Host>()
    for (const [place, { hostname }] of snapshots.entries()) {
      const host = hosts.get(hostname) ?? {
        hostname,
        snapshots: new SnapshotSet(snapshots.length),
        files: new Map(),
      }
      host.snapshots.add(place)
      hosts.set(hostname, host)
    }
    this.#hosts = [...hosts.values()]
  }

  /** Nothing more is taken. */
  get isFull(): boolean {
    return this.#versions >= VERSIONS_MAX
  }

  add(path: string, row: EntryRow, snapshots: SnapshotSet): void {
    for (const host of this.#hosts) {
      const held = this.#hosts.length === 1 ? snapshots : snapshots.and(host.snapshots)
      if (held.isEmpty) continue
      const versions = host.files.get(path) ?? new Map<string, Version>()
      host.files.set(path, versions)
      const key = keyOf(row)
      const version = versions.get(key)
      if (version !== undefined) {
        version.snapshots = version.snapshots.or(held)
        continue
      }
      versions.set(key, { row, snapshots: held })
      this.#versions += 1
    }
  }

  /** In byte order of paths, then by host. `newestOnly`: of each file the version in the newest snapshot that has it. */
  *files(newestOnly: boolean): Generator<FoundFile> {
    const all = this.#hosts.flatMap(({ hostname, files }) =>
      [...files].map(([path, versions]) => ({ path, hostname, versions })),
    )
    all.sort((a, b) => compareNames(a.path, b.path) || compareNames(a.hostname, b.hostname))
    for (const { path, hostname, versions } of all) {
      const dated = [...versions.values()].map((version) => this.#dated(version))
      const oldestFirst = dated.sort((a, b) => a.first - b.first)
      const newest = dated.reduce((best, one) => (one.last > best.last ? one : best))
      yield {
        path,
        hostname,
        versions: (newestOnly ? [newest] : oldestFirst).map(({ version }) => version),
      }
    }
  }

  #dated({ row, snapshots }: Version): Dated {
    const { type, size, mtimeSec, mtimeNsec, mode, uid, gid } = row
    const known = { type: ENTRY_TYPES[type - 1] ?? 'file', size, mtimeSec, mtimeNsec, mode, uid, gid }
    return { version: { ...known, snapshots }, ...this.#span(snapshots) }
  }

  /** Very many versions share few sets. */
  #span(snapshots: SnapshotSet): Span {
    const known = this.#spans.get(snapshots)
    if (known !== undefined) return known
    const times = snapshots.members().map((member) => this.#snapshots[member]?.time ?? 0)
    const span = {
      first: times.reduce((least, time) => Math.min(least, time), Number.POSITIVE_INFINITY),
      last: times.reduce((most, time) => Math.max(most, time), Number.NEGATIVE_INFINITY),
    }
    this.#spans.set(snapshots, span)
    return span
  }
}

/** What makes a version: of a directory its own metadata, not what is in it. */
function keyOf({ type, size, mtimeSec, mtimeNsec, mode, uid, gid, content }: EntryRow): string {
  const mark = content === null ? '' : toHex(content)
  return `${type} ${size} ${mtimeSec} ${mtimeNsec} ${mode} ${uid} ${gid} ${mark}`
}
