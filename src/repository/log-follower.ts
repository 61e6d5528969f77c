/**
 * Keeps the manifest in step with the log: folds new entries, takes in the snapshots and index objects that they name,
 * and adds entries of its own. The fold decides what is true; the manifest is its copy in tables.
 */

import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { during } from '../base/trace.ts'
import type { Box } from '../crypto/box.ts'
import { signaturePublicKey } from '../crypto/signature.ts'
import type { RepositoryConfig } from '../keys/config.ts'
import type { RepositoryKeys } from '../keys/hierarchy.ts'
import { decodeState, encodeState } from '../log/checkpoint.ts'
import { type AppliedEntry, applyEntry } from '../log/fold.ts'
import { appendEntry, catchUp, checkExtends, type Log, preparePayload } from '../log/log.ts'
import { emptyState, type LiveIndex, type LogState } from '../log/log-state.ts'
import type { LogPayload } from '../log/payloads.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { Clock, Random } from '../model/clock.ts'
import { hasCode, SnapError } from '../model/errors.ts'
import type { IndexId, PackId, RepositoryId } from '../model/ids.ts'
import type { Storage } from '../model/storage.ts'
import { LOG_PREFIX, logKey, logNumberOf, PACK_PREFIX, packIdOf } from '../object/object-keys.ts'
import { EntryRecorder } from './entry-recorder.ts'
import type { StoredIndex } from './index-writer.ts'
import { readIndex } from './read-index.ts'
import { setUndecodableAside } from './undecodable.ts'

/** Slots that may be lost to others before an entry gives up: each loss means that somebody else went on. */
const APPEND_TRIES_MAX = 1_000

/** `lost`: the entries that took the places tried so far, since it was asked last. */
export type Draft = (
  state: Readonly<LogState>,
  lost: readonly AppliedEntry[],
) => LogPayload | Promise<LogPayload>

export type FollowerParts = {
  readonly id: RepositoryId
  readonly storage: Storage
  readonly keys: RepositoryKeys
  readonly config: RepositoryConfig
  readonly manifest: Manifest
  readonly clock: Clock
  readonly random: Random
  readonly box: () => Promise<Box>
}

/** An index object that could not be taken in: its packs are not known here. */
export type IndexProblem = { readonly id: IndexId; readonly error: SnapError }

export class LogFollower {
  readonly #parts: FollowerParts
  readonly #log: Log
  readonly #recorder: EntryRecorder
  readonly #author: string
  #state: LogState
  /** Folded into the state, and not yet in the manifest: what failed between the two is made good by the next to follow. */
  #unrecorded: AppliedEntry[] = []
  #collections = 0
  #appending = false
  #refreshing: Promise<boolean> | undefined
  /** What another process on this manifest has read beyond this state. */
  #ahead: { readonly head: number; readonly condemnedPacks: ReadonlySet<PackId> } | undefined
  readonly indexProblems: IndexProblem[] = []

  constructor(parts: FollowerParts) {
    this.#parts = parts
    this.#log = { storage: parts.storage, repositoryId: parts.id, logKey: parts.keys.logKey }
    this.#recorder = new EntryRecorder(parts)
    this.#author = toHex(signaturePublicKey(parts.keys.signingSeed))
    this.#state = emptyState(parts.config.firstAdmin)
  }

  get state(): Readonly<LogState> {
    return this.#state
  }

  /**
   * How often the manifest learnt since this was opened that packs were condemned or quarantined: what was looked up before
   * may be gone.
   */
  get collections(): number {
    return this.#collections
  }

  /**
   * For a reader that misses a pack: follows the log, and returns whether packs were condemned since. `false` while an entry is
   * being added, when the log was followed just now.
   */
  refresh(): Promise<boolean> {
    if (this.#appending) return Promise.resolve(false)
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #refresh(): Promise<boolean> {
    const before = this.#collections
    await this.follow()
    return this.#collections > before
  }

  /**
   * Takes up where this client was, checks that the log still goes on from there, and follows it to its head. The first admin
   * writes the first entry where there is none yet; `beforeFirst` is done before it.
   */
  async begin(beforeFirst: () => Promise<void> = async () => undefined): Promise<void> {
    const { manifest, config } = this.#parts
    const stored = manifest.meta.logState()
    if (stored !== undefined) {
      this.#state = decodeState(stored, 'the manifest')
      if (this.#state.next > 0) {
        await checkExtends(this.#log, { number: this.#state.next - 1, hash: this.#state.lastHash })
      }
    }
    await this.follow()
    const isFirstAdmin = this.#author === toHex(config.firstAdmin)
    if (this.#state.next === 0 && isFirstAdmin) {
      await this.#refuseBeheaded()
      await beforeFirst()
      const publicKey = config.firstAdmin
      await this.append(() => ({ kind: 'keys', keys: [{ publicKey, role: 'admin', name: 'first admin' }] }))
    }
  }

  /** An entry 0 is written to an empty log only: one whose entries were removed would look like a new repository. */
  async #refuseBeheaded(): Promise<void> {
    for (const prefix of [LOG_PREFIX, PACK_PREFIX]) {
      for await (const { key } of this.#parts.storage.list(prefix)) {
        if (logNumberOf(key) === undefined && packIdOf(key) === undefined) continue
        // Another client of the first admin may have written it just now.
        if ((await this.#parts.storage.stat(logKey(0))) !== undefined) return
        throw new SnapError('OBJECT_MISSING', `${logKey(0)} is missing, though ${key} is there`, {
          hint: 'Bring the log back from a copy of the repository.',
        })
      }
    }
  }

  /** Takes in what others have added; returns the applied entries. */
  follow(): Promise<readonly AppliedEntry[]> {
    return during('follow the log', () => this.#follow())
  }

  async #follow(): Promise<readonly AppliedEntry[]> {
    let hasProblems = false
    do {
      const { next } = this.#state
      await catchUp(this.#log, this.#state, (entry) => this.#unrecorded.push(entry))
      // What could not be read may have been replaced just now, by an entry that was not there yet.
      if (hasProblems && this.#state.next === next) break
      await this.#takeIndexes()
      hasProblems = this.indexProblems.length > 0
    } while (hasProblems)
    // First what they bring, then what they take away: whoever reads meanwhile always finds a place of each chunk.
    return this.#record()
  }

  /**
   * Adds an entry, however often others are faster; durable when it returns. `draft` is asked anew after each loss, and
   * may throw where the entries in between make the entry wrong. `indexes`: what this client stored and the entry names, so
   * that it need not be read.
   */
  async append(draft: Draft, indexes: () => readonly StoredIndex[] = () => []): Promise<AppliedEntry> {
    this.#appending = true
    try {
      return await this.#append(draft, indexes)
    } finally {
      this.#appending = false
    }
  }

  async #append(draft: Draft, indexes: () => readonly StoredIndex[]): Promise<AppliedEntry> {
    const { random, clock, keys } = this.#parts
    let lost: readonly AppliedEntry[] = []
    // What is drafted is looked up in the manifest.
    if (this.#unrecorded.length > 0) await this.follow()
    for (let tries = 0; tries < APPEND_TRIES_MAX; tries++) {
      const prepared = await preparePayload(this.#log, await draft(this.#state, lost), random)
      const raw = await during('log append', () =>
        appendEntry(this.#log, this.#state, {
          prepared,
          timeMs: clock.now(),
          signingSeed: keys.signingSeed,
          random,
        }),
      )
      if (raw !== undefined) {
        const entry = applyEntry(this.#state, raw, this.#log)
        this.#unrecorded.push(entry)
        await this.#record(entry.applied === undefined ? [] : indexes())
        if (entry.applied === undefined) {
          const reasons = entry.problems.map(({ reason }) => reason).join(', ')
          throw new SnapError('KEY_WRONG', `the repository does not accept this entry (${reasons})`, {
            hint: 'The key in use may have been revoked or may not do this.',
          })
        }
        return entry
      }
      lost = await this.follow()
      assert(lost.length > 0, 'who lost a slot finds the entry that took it')
    }
    throw new SnapError('STORAGE_FAILED', `gave up adding to the log after ${APPEND_TRIES_MAX} tries`)
  }

  /**
   * Takes into the manifest what is folded and not there yet, and returns it. What another process on this manifest has recorded
   * meanwhile stays: it may know more than this state.
   */
  async #record(indexes: readonly StoredIndex[] = []): Promise<readonly AppliedEntry[]> {
    const entries = [...this.#unrecorded]
    if (entries.length === 0) return entries
    const { manifest } = this.#parts
    const opened = await this.#recorder.open(entries)
    manifest.transaction(() => {
      if (this.#isBehindManifest()) return
      const known = manifest.meta.head()?.number ?? -1
      this.#refuseGap(known, entries)
      for (const index of indexes) this.#addIndex(index, index.packs)
      for (const entry of entries) {
        if (entry.number > known) this.#recorder.record(entry, opened, this.#state)
      }
      if (entries.some(({ applied }) => applied?.payload.kind === 'quarantine')) setUndecodableAside(manifest)
      // Collectors keep the bases of what entries name, and know nothing of the rest.
      else if (entries.some(takesAway)) setUndecodableAside(manifest, manifest.packs.pending())
      manifest.meta.setLogState(encodeState(this.#state))
      manifest.meta.setHead(this.#state.next - 1, this.#state.lastHash)
    })
    const last = entries.at(-1)?.number ?? -1
    this.#unrecorded = this.#unrecorded.filter(({ number }) => number > last)
    this.#collections += entries.filter(takesAway).length
    return entries
  }

  /** Below its head the manifest lacks nothing: what a GC entry that it missed has condemned would count as stored for good. */
  #refuseGap(known: number, entries: readonly AppliedEntry[]): void {
    const first = entries[0]?.number ?? 0
    const isWhole = first <= known + 1 && first + entries.length === this.#state.next
    if (isWhole) return
    throw new SnapError('MANIFEST_FAILED', `the manifest would lack log entries behind ${known}`, {
      hint: 'Run it again. If that does not help, `snap manifest rebuild` makes the manifest anew.',
    })
  }

  /** Another process on this manifest has recorded all that this one knows, and what it removed must not come back. */
  #isBehindManifest(): boolean {
    return (this.#parts.manifest.meta.head()?.number ?? -1) >= this.#state.next
  }

  /** Whether a pack is condemned by any entry that this client or another process on its manifest has read. */
  isCondemned(pack: PackId): boolean {
    if (this.#state.condemnedPacks.has(pack)) return true
    if (!this.#isBehindManifest()) return false
    const head = this.#parts.manifest.meta.head()?.number ?? -1
    if (this.#ahead?.head !== head) {
      const stored = this.#parts.manifest.meta.logState()
      const state = stored === undefined ? this.#state : decodeState(stored, 'the manifest')
      this.#ahead = { head, condemnedPacks: state.condemnedPacks }
    }
    return this.#ahead.condemnedPacks.has(pack)
  }

  /** Pending packs are live by now. */
  #addIndex({ id, hash, bytes }: Omit<StoredIndex, 'packs'>, packs: readonly PackId[]): void {
    const { manifest } = this.#parts
    manifest.packs.promote(packs)
    const known = packs.map((pack) => manifest.packs.byId(pack)?.no).filter((no) => no !== undefined)
    manifest.indexes.add({ id, hash, bytes, state: 'live' }, known)
  }

  /** Index objects that the fold knows and the manifest has not taken in yet. */
  async #takeIndexes(): Promise<void> {
    const { manifest } = this.#parts
    const known = new Set(manifest.indexes.list('live').map(({ id }) => id))
    this.indexProblems.length = 0
    for (const [id, index] of this.#state.indexes) {
      if (known.has(id)) continue
      try {
        await this.#takeIndex(id, index)
      } catch (error) {
        if (!hasCode(error, 'OBJECT_DAMAGED', 'OBJECT_MISSING', 'LIMIT_EXCEEDED')) throw error
        this.indexProblems.push({ id, error })
      }
    }
  }

  async #takeIndex(id: IndexId, index: LiveIndex): Promise<void> {
    const { manifest } = this.#parts
    const { tables, bytes } = await readIndex(this.#parts, id, index.hash)
    const trusted = index.trusted || index.author === this.#author
    manifest.transaction(() => {
      if (this.#isBehindManifest()) return
      const inForce = tables.filter((table) => !this.#state.condemnedPacks.has(table.id))
      for (const table of inForce) {
        const state = this.#state.quarantined.has(table.id) ? 'quarantined' : 'live'
        const isTrusted = trusted || this.#state.attested.has(table.id)
        manifest.packs.add({ ...table, state, trusted: isTrusted })
      }
      this.#addIndex(
        { id, hash: index.hash, bytes },
        inForce.map((table) => table.id),
      )
    })
  }
}

function takesAway({ applied }: AppliedEntry): boolean {
  return applied?.payload.kind === 'gc' || applied?.payload.kind === 'quarantine'
}
