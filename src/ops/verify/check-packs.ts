/**
 * Checks packs: each against the listing, and, where the data is to be checked, every byte of it, on the threads of a
 * pool. What cannot be read any more is taken out of the places.
 */
import { createBreath } from '../../base/breath.ts'
import { toHex } from '../../base/bytes.ts'
import { addInFlight, during } from '../../base/trace.ts'
import type { PackRow } from '../../manifest/packs-table.ts'
import { SnapError } from '../../model/errors.ts'
import { PACK_HEADER_BYTES } from '../../model/limits.ts'
import type { ProgressListener } from '../../model/progress.ts'
import { packKey } from '../../object/object-keys.ts'
import { openPackKeys } from '../../pack/pack-header.ts'
import type { Repository } from '../../repository/repository.ts'
import type { PackCheckResult, PackCheckTask, WholePackTask } from '../../workers/pack-check.ts'
import type { TaskPool } from '../../workers/task-pool.ts'
import { DeltaSchedule, type PackCopies, type ScheduledDelta } from './delta-schedule.ts'
import { checkDeltas } from './delta-segments.ts'
import type { Inventory } from './inventory.ts'
import type { Places } from './places.ts'
import { type DamageList, isDamage } from './report.ts'

/** Every pack exists and has its size. */
export function checkPackList(
  packs: readonly PackRow[],
  inventory: Inventory,
  places: Places,
  damages: DamageList,
): void {
  for (const { no, id, bytes } of packs) {
    const stored = inventory.packBytes.get(id)
    if (stored === bytes) continue
    const reason = stored === undefined ? 'does not exist' : `has ${stored} bytes, not ${bytes}`
    damages.add(packKey(id), `pack ${id} ${reason}`)
    places.losesPack(no)
  }
}

/** Every base of every delta segment lies in some pack, whether snapshots need it or not: backups rely on all that is named. */
export async function checkBases(
  packs: readonly PackRow[],
  { manifest }: Pick<Repository, 'manifest'>,
  places: Places,
  damages: DamageList,
  signal: AbortSignal,
): Promise<void> {
  const breathe = createBreath()
  const withDeltas = new Set(manifest.packs.withDeltas())
  for (const { no, id } of packs) {
    if (!withDeltas.has(no) || places.isLostPack(no)) continue
    for (const segment of manifest.packs.deltasOf(no)) {
      const base = places.missingBase(no, segment)
      if (base === undefined) continue
      damages.add(
        packKey(id),
        `its base, chunk ${toHex(base)}, is in no pack that the repository has`,
        segment,
      )
      places.losesSegment(no, segment)
    }
    await breathe()
    signal.throwIfAborted()
  }
}

export type PackDataParts = {
  readonly repository: Repository
  readonly pool: TaskPool<PackCheckTask, PackCheckResult>
  readonly places: Places
  readonly damages: DamageList
  readonly progress: ProgressListener
  readonly signal: AbortSignal
}

export type PackCounts = { bytes: number; chunks: number }

/** Reads every pack that is there whole; at most `pool.parallel + 1` are in memory. */
export async function checkPackData(packs: readonly PackRow[], parts: PackDataParts): Promise<PackCounts> {
  const { repository, pool, places, progress, signal } = parts
  await repository.keyring() // a role that cannot read content is told so before anything is fetched
  const present = packs.filter(({ no }) => !places.isLostPack(no))
  const bytes = present.reduce((sum, pack) => sum + pack.bytes, 0)
  progress({ kind: 'total', files: present.length, bytes, final: true })
  const checks = new PackChecks(present, parts)
  const running = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  for (const pack of present) {
    if (failure !== undefined || signal.aborted) break
    const work: Promise<void> = checks
      .pack(pack)
      .catch((error: unknown) => {
        failure ??= { error }
      })
      .finally(() => running.delete(work))
    running.add(work)
    if (running.size > pool.parallel) await Promise.race(running)
  }
  await Promise.all(running)
  if (failure !== undefined) throw failure.error
  signal.throwIfAborted()
  await checks.rest()
  return checks.counts
}

class PackChecks {
  readonly #parts: PackDataParts
  readonly #schedule: DeltaSchedule
  /** By pack number, what is still to be checked of it: itself and its delta segments. */
  readonly #left: Map<number, number>
  readonly #damaged = new Set<number>()
  readonly counts: PackCounts = { bytes: 0, chunks: 0 }

  constructor(packs: readonly PackRow[], parts: PackDataParts) {
    this.#parts = parts
    this.#schedule = new DeltaSchedule(parts.repository, packs)
    this.#left = new Map(packs.map(({ no }) => [no, 1 + (this.#schedule.counts.get(no) ?? 0)]))
  }

  /** And delta segments, of whichever packs, that waited for it. */
  async pack(pack: PackRow): Promise<void> {
    const copies = this.#schedule.begin(pack.no)
    this.#parts.progress({ kind: 'file', path: packKey(pack.id) })
    const result = await this.#whole(pack, copies)
    const uncopied = new Set(result?.uncopied)
    const ready = this.#schedule.end(pack.no, (segment) => result !== undefined && !uncopied.has(segment))
    await this.#deltas(ready)
    this.#schedule.release(ready)
    this.#parts.progress({ kind: 'done', files: 1, bytes: pack.bytes })
  }

  /** Delta segments whose bases are to be read for them. */
  async rest(): Promise<void> {
    await this.#deltas(this.#schedule.rest())
  }

  /** `undefined` where the pack cannot be read. */
  async #whole(pack: PackRow, copies: PackCopies): Promise<PackCheckResult | undefined> {
    const { repository, pool, places, damages } = this.#parts
    const task = await during('read a pack', () => readTask(pack, copies, repository)).catch(
      (error: unknown) => {
        if (!isDamage(error)) throw error
        damages.add(packKey(pack.id), error.message)
        places.losesPack(pack.no)
        return undefined
      },
    )
    if (task === undefined) return undefined
    const transfer = task.bytes.buffer instanceof ArrayBuffer ? [task.bytes.buffer] : []
    addInFlight(pack.bytes)
    const result = await pool.run(task, transfer).finally(() => addInFlight(-pack.bytes))
    this.counts.bytes += pack.bytes
    this.#note(pack, [result], 1)
    return result
  }

  async #deltas(deltas: readonly ScheduledDelta[]): Promise<void> {
    const byPack = new Map<PackRow, ScheduledDelta[]>()
    for (const delta of deltas) {
      const others = byPack.get(delta.pack)
      if (others === undefined) byPack.set(delta.pack, [delta])
      else others.push(delta)
    }
    for (const [pack, some] of byPack) {
      this.#parts.signal.throwIfAborted()
      if (this.#parts.places.isLostPack(pack.no)) continue
      try {
        this.#note(pack, await checkDeltas(pack, some, this.#parts), some.length)
      } catch (error) {
        if (!isDamage(error)) throw error
        this.#parts.damages.add(packKey(pack.id), error.message)
        this.#parts.places.losesPack(pack.no)
      }
    }
  }

  /** A pack is verified when the last part of it has been, and none was damaged. */
  #note({ no, id }: PackRow, results: readonly PackCheckResult[], parts: number): void {
    const { repository, places, damages } = this.#parts
    for (const result of results) {
      this.counts.chunks += result.chunks
      for (const { segment, reason } of result.damages) {
        damages.add(packKey(id), reason, segment)
        if (segment !== undefined) places.losesSegment(no, segment)
        this.#damaged.add(no)
      }
    }
    const left = (this.#left.get(no) ?? 0) - parts
    this.#left.set(no, left)
    if (left === 0 && !this.#damaged.has(no))
      repository.manifest.packs.markVerified(no, repository.clock.now())
  }
}

async function readTask(pack: PackRow, copies: PackCopies, repository: Repository): Promise<WholePackTask> {
  const { storage, manifest, keys, id: repositoryId } = repository
  const bytes = await storage.read(packKey(pack.id))
  if (bytes.length !== pack.bytes) {
    throw new SnapError('OBJECT_DAMAGED', `pack ${pack.id} has ${bytes.length} bytes, not ${pack.bytes}`)
  }
  const { contentSecret } = keys
  if (contentSecret === undefined) throw new SnapError('KEY_WRONG', 'this key cannot read content')
  // Not through the keyring: keys that it remembers would hide what has become of the header since.
  const header = bytes.subarray(0, PACK_HEADER_BYTES)
  const opened = openPackKeys(
    header,
    repositoryId,
    pack.id,
    { ...keys, contentSecret },
    await repository.box(),
  )
  return { kind: 'pack', id: pack.id, bytes, keys: opened, segments: manifest.packs.tableOf(pack.no), copies }
}
