/** What entries of the log change in the manifest's tables: snapshots, packs and index objects as rows. It reads no storage. */
import type { Box } from '../crypto/box.ts'
import type { RepositoryKeys } from '../keys/hierarchy.ts'
import { openDetails, openTags, type SnapshotDetails } from '../log/details.ts'
import { LOG_KINDS } from '../log/entry.ts'
import type { AppliedEntry } from '../log/fold.ts'
import type { LoggedSnapshot, LogState } from '../log/log-state.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { unlessDamaged } from '../model/errors.ts'
import type { PackId, SnapshotId } from '../model/ids.ts'

export type RecorderParts = {
  readonly keys: RepositoryKeys
  readonly manifest: Manifest
  readonly box: () => Promise<Box>
}

/** By entry number, and by the very bytes that were sealed. */
export type Opened = {
  readonly details: Map<number, SnapshotDetails>
  readonly tags: Map<Uint8Array, string[]>
}

export class EntryRecorder {
  readonly #parts: RecorderParts

  constructor(parts: RecorderParts) {
    this.#parts = parts
  }

  /** What is sealed to readers, for those who can read it. */
  async open(entries: readonly AppliedEntry[]): Promise<Opened> {
    const opened: Opened = { details: new Map(), tags: new Map() }
    const { keys, box } = this.#parts
    const { contentSecret, contentPublic } = keys
    const sealed = entries.filter(({ applied }) => /^(commit|tag)$/.test(applied?.payload.kind ?? ''))
    if (contentSecret === undefined || sealed.length === 0) return opened
    const opener = await box()
    const pair = { contentPublic, contentSecret }
    for (const { number, applied } of sealed) {
      const payload = applied?.payload
      if (payload?.kind === 'commit') {
        // A writer may have sealed nonsense: the snapshot stays restorable by its id.
        const details = unlessDamaged(() => openDetails(opener, pair, payload.details))
        if (details !== undefined) opened.details.set(number, details)
      } else if (payload?.kind === 'tag') {
        for (const { sealed: bytes } of payload.tags) {
          const tags = unlessDamaged(() => openTags(opener, pair, bytes))
          if (tags !== undefined) opened.tags.set(bytes, tags)
        }
      }
    }
    return opened
  }

  /** Within a transaction of the caller. `state`: the fold with the entry in it, and perhaps with later ones. */
  record(entry: AppliedEntry, opened: Opened, state: Readonly<LogState>): void {
    this.#add(entry, opened, state)
    this.#reconcile(entry, opened, state)
  }

  #add(entry: AppliedEntry, opened: Opened, state: Readonly<LogState>): void {
    const { manifest } = this.#parts
    const { number, hash: entryHash, applied, problems } = entry
    manifest.log.add({
      number,
      hash: entryHash,
      kind: applied === undefined ? 0 : LOG_KINDS.indexOf(applied.entry.kind) + 1,
      author: applied?.entry.author ?? new Uint8Array(0),
      timeMs: applied?.entry.timeMs ?? 0,
      problem: problems.length === 0 ? null : problems.map(({ reason }) => reason).join(', '),
    })
    if (applied?.payload.kind !== 'commit') return
    const snapshot = state.snapshots.get(applied.payload.snapshot)
    if (snapshot !== undefined) this.#recordSnapshot(snapshot, opened.details.get(number))
  }

  #recordSnapshot(snapshot: LoggedSnapshot, details: SnapshotDetails | undefined): void {
    this.#parts.manifest.snapshots.add({
      id: snapshot.id,
      number: snapshot.number,
      series: snapshot.series,
      timeMs: snapshot.timeMs,
      committedMs: snapshot.committedMs,
      host: details?.hostname ?? null,
      user: details?.username ?? null,
      paths: details?.paths ?? [],
      tags: details?.tags ?? [],
      label: details?.label ?? null,
      root: snapshot.root,
      rootTree: null,
      summary: details?.summary ?? null,
      details: details ?? null,
      forgottenMs: snapshot.forgotten?.timeMs ?? null,
      held: snapshot.held,
    })
  }

  /** What entries other than commits change in tables that are there already. */
  #reconcile({ applied }: AppliedEntry, { tags }: Opened, state: Readonly<LogState>): void {
    const { manifest } = this.#parts
    const payload = applied?.payload
    switch (payload?.kind) {
      case 'forget':
      case 'unforget':
      case 'hold':
      case 'unhold':
        for (const id of payload.snapshots) this.#reconcileSnapshot(id, state)
        return
      case 'gc':
        for (const id of payload.packs) this.#removePack(id)
        for (const id of payload.indexes) manifest.indexes.remove(id)
        for (const id of payload.snapshots) this.#reconcileSnapshot(id, state)
        return
      case 'quarantine':
        for (const id of payload.packs) this.#quarantine(id)
        return
      case 'attest':
        for (const id of payload.packs) {
          const pack = manifest.packs.byId(id)
          if (pack !== undefined) manifest.packs.trust(pack.no)
        }
        return
      case 'tag':
        for (const { snapshot, sealed } of payload.tags) {
          const said = tags.get(sealed)
          if (said !== undefined) manifest.snapshots.setTags(snapshot, said)
        }
        return
      default:
    }
  }

  /** Its row as the fold has it by now, which may be further on: rows are about what is, entries about how it came. */
  #reconcileSnapshot(id: SnapshotId, state: Readonly<LogState>): void {
    const { snapshots } = this.#parts.manifest
    const snapshot = state.snapshots.get(id)
    if (snapshot === undefined) snapshots.remove(id)
    else {
      snapshots.setForgotten(id, snapshot.forgotten?.timeMs ?? null)
      snapshots.setHeld(id, snapshot.held)
    }
  }

  #removePack(id: PackId): void {
    const pack = this.#parts.manifest.packs.byId(id)
    if (pack !== undefined) this.#parts.manifest.packs.remove(pack.no)
  }

  #quarantine(id: PackId): void {
    const pack = this.#parts.manifest.packs.byId(id)
    if (pack !== undefined) this.#parts.manifest.packs.setState(pack.no, 'quarantined')
  }
}
