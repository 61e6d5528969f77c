/** Reads packs and has every byte of them checked: first a pack without its delta segments, then these, when their bases are there. */
import { inTurn } from '../../base/in-turn.ts'
import { addTo } from '../../base/lists.ts'
import { SharedSlots } from '../../base/shared-slots.ts'
import { addInFlight, during } from '../../base/trace.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { PackRow } from '../../manifest/packs-table.ts'
import { SnapError } from '../../model/errors.ts'
import { PACK_HEADER_BYTES } from '../../model/limits.ts'
import type { ProgressListener } from '../../model/progress.ts'
import { packKey } from '../../object/object-keys.ts'
import { openPackKeys } from '../../pack/pack-header.ts'
import type { Repository } from '../../repository/repository.ts'
import type { PackCheckResult, PackCheckTask, WholePackTask } from '../../workers/pack-check.ts'
import type { TaskPool } from '../../workers/task-pool.ts'
import { type BasesPack, readBases } from './bases-pack.ts'
import { DeltaSchedule, type PackCopies } from './delta-schedule.ts'
import { checkDeltas } from './delta-segments.ts'
import type { Places } from './places.ts'
import { type DamageList, isDamage } from './report.ts'
import { ScheduledDelta } from './scheduled-delta.ts'

export type PackDataParts = {
  readonly repository: Repository
  readonly pool: TaskPool<PackCheckTask, PackCheckResult>
  readonly places: Places
  readonly damages: DamageList
  readonly progress: ProgressListener
  readonly signal: AbortSignal
}

export type DeltaMemory = {
  /** For bases; a delta segment whose bases find no room has its turn in a later round. */
  readonly basesBytes: number
  /** For delta segments, from when their pack is read until their bases are there; what is more is read again. */
  readonly sealedBytes: number
}

/** Slots are somewhat larger than what lies in them, and a few packs are decoded at a time. */
const PLANNED_SHARE: number = 3 / 4

export type PackCounts = { bytes: number; chunks: number }

export class PackChecks {
  readonly #parts: PackDataParts
  readonly #memory: DeltaMemory
  readonly #slots: SharedSlots
  #schedule: DeltaSchedule
  /** By pack number, what is still to be checked of it: itself and its delta segments. */
  readonly #left: Map<number, number>
  readonly #damaged = new Set<number>()
  readonly #deltasOf = new Map<number, ScheduledDelta[]>()
  #sealedBytes = 0
  readonly counts: PackCounts = { bytes: 0, chunks: 0 }

  constructor(packs: readonly PackRow[], parts: PackDataParts, memory: DeltaMemory) {
    this.#parts = parts
    this.#memory = memory
    this.#slots = new SharedSlots(memory.basesBytes)
    const deltas = deltasOf(packs, parts.repository.manifest)
    for (const delta of deltas) addTo(this.#deltasOf, delta.pack.no, delta)
    this.#left = new Map(packs.map(({ no }) => [no, 1 + (this.#deltasOf.get(no)?.length ?? 0)]))
    this.#schedule = this.#scheduleOf(deltas, new Set(this.#left.keys()))
  }

  #scheduleOf(deltas: readonly ScheduledDelta[], packs: ReadonlySet<number> | undefined): DeltaSchedule {
    const { repository } = this.#parts
    const basesBytes = this.#memory.basesBytes * PLANNED_SHARE
    return new DeltaSchedule({ repository, slots: this.#slots, basesBytes, packs }, deltas)
  }

  /** And delta segments, of whichever packs, that waited for it. */
  async pack(pack: PackRow): Promise<void> {
    const copies = this.#schedule.begin(pack.no)
    this.#parts.progress({ kind: 'file', path: packKey(pack.id) })
    const result = await this.#whole(pack, copies)
    await this.#decoded(pack.no, result)
    this.#parts.progress({ kind: 'done', files: 1, bytes: pack.bytes })
  }

  /** Delta segments that still wait: in rounds of as many as there is room for, and one by one where that does not help. */
  async rest(): Promise<void> {
    const { pool, signal } = this.#parts
    for (let rest = this.#schedule.rest(); rest.length > 0; ) {
      this.#schedule = this.#scheduleOf(rest, undefined)
      await inTurn(this.#schedule.packsOfBases(), pool.parallel, signal, (pack) => this.#bases(pack))
      const before = rest.length
      rest = this.#schedule.rest()
      if (rest.length === before) return await this.#deltas(rest)
    }
  }

  async #decoded(pack: number, result: PackCheckResult | undefined): Promise<void> {
    const uncopied = new Set(result?.uncopied)
    const ready = this.#schedule.end(pack, (segment) => result !== undefined && !uncopied.has(segment))
    await this.#deltas(ready)
    this.#schedule.release(ready)
  }

  /** Decodes what the pack holds of bases. */
  async #bases(pack: BasesPack): Promise<void> {
    const copies = this.#schedule.begin(pack.no)
    const task = await during('read a pack', () => readBases(pack, copies, this.#parts.repository)).catch(
      (error: unknown) => {
        if (!isDamage(error)) throw error
        return undefined // who needs them looks for other places, and reports
      },
    )
    await this.#decoded(pack.no, task && (await this.#parts.pool.run(task.task, task.transfer)))
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
    this.#keepDeltas(pack, task)
    const transfer = task.bytes.buffer instanceof ArrayBuffer ? [task.bytes.buffer] : []
    addInFlight(pack.bytes)
    const result = await pool.run(task, transfer).finally(() => addInFlight(-pack.bytes))
    this.counts.bytes += pack.bytes
    this.#note(pack, [result], 1)
    return result
  }

  #keepDeltas({ no }: PackRow, { segments, bytes }: WholePackTask): void {
    const deltas = new Map(this.#deltasOf.get(no)?.map((delta) => [delta.number, delta]))
    if (deltas.size === 0) return
    let at = PACK_HEADER_BYTES
    for (const [number, { sealed }] of segments.entries()) {
      const delta = deltas.get(number)
      if (delta !== undefined && this.#sealedBytes + sealed <= this.#memory.sealedBytes) {
        delta.sealed = bytes.slice(at, at + sealed)
        this.#sealedBytes += sealed
      }
      at += sealed
    }
  }

  async #deltas(deltas: readonly ScheduledDelta[]): Promise<void> {
    const byPack = new Map<PackRow, ScheduledDelta[]>()
    for (const delta of deltas) addTo(byPack, delta.pack, delta)
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
    for (const delta of deltas) {
      this.#sealedBytes -= delta.sealed?.length ?? 0
      delta.sealed = undefined
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

function deltasOf(packs: readonly PackRow[], { packs: table }: Manifest): ScheduledDelta[] {
  const withDeltas = new Set(table.withDeltas())
  return packs
    .filter(({ no }) => withDeltas.has(no))
    .flatMap((pack) => table.deltasOf(pack.no).map((number) => new ScheduledDelta(pack, number)))
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
