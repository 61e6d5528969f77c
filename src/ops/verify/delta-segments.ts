/**
 * Checks delta segments: a few at a time, because their bases travel with them to the thread that decodes them, where they are not
 * there already.
 */
import type { PackRow } from '../../manifest/packs-table.ts'
import { PACK_HEADER_BYTES } from '../../model/limits.ts'
import type { SegmentRow } from '../../model/pack-table.ts'
import { packKey } from '../../object/object-keys.ts'
import { readDictionary } from '../../repository/base-reader.ts'
import { neighbours } from '../../repository/neighbours.ts'
import type { Repository } from '../../repository/repository.ts'
import { type Dictionary, transferOf } from '../../workers/base-reading.ts'
import type {
  DeltaSegmentsTask,
  DeltaToCheck,
  PackCheckResult,
  PackCheckTask,
} from '../../workers/pack-check.ts'
import type { TaskPool } from '../../workers/task-pool.ts'
import { isDamage } from './report.ts'
import type { ScheduledDelta } from './scheduled-delta.ts'

/** Segments of one task, and tasks under way for one pack. */
const TASK_SEGMENTS = 4
const TASKS_MAX = 3

type DeltaParts = {
  readonly repository: Repository
  readonly pool: TaskPool<PackCheckTask, PackCheckResult>
}

type SealedDelta = Omit<DeltaToCheck, 'dictionary'> & { readonly scheduled: ScheduledDelta }

/** Delta segments of one pack, by rising number. Throws what is wrong with the pack as a whole. */
export async function checkDeltas(
  pack: PackRow,
  deltas: readonly ScheduledDelta[],
  parts: DeltaParts,
): Promise<PackCheckResult[]> {
  const { header, packKey: key, footerKey } = await (await parts.repository.keyring()).of(pack.id)
  const keys = { packKey: key, footerKey }
  const run = new PackDeltas(pack, { kind: 'deltas', id: pack.id, header, keys }, parts)
  return await run.check([...deltas].sort((a, b) => a.number - b.number))
}

class PackDeltas {
  readonly #pack: PackRow
  readonly #task: Omit<DeltaSegmentsTask, 'deltas'>
  readonly #parts: DeltaParts
  readonly #rows: readonly SegmentRow[]
  /** Where each segment begins in the pack. */
  readonly #offsets: Float64Array

  constructor(pack: PackRow, task: Omit<DeltaSegmentsTask, 'deltas'>, parts: DeltaParts) {
    this.#pack = pack
    this.#task = task
    this.#parts = parts
    this.#rows = parts.repository.manifest.packs.tableOf(pack.no)
    this.#offsets = new Float64Array(this.#rows.length)
    let at = PACK_HEADER_BYTES
    for (const [number, { sealed }] of this.#rows.entries()) {
      this.#offsets[number] = at
      at += sealed
    }
  }

  async check(deltas: readonly ScheduledDelta[]): Promise<PackCheckResult[]> {
    const left = [...deltas]
    const results: PackCheckResult[] = []
    let failure: { readonly error: unknown } | undefined
    const checkNext = async (): Promise<void> => {
      while (failure === undefined) {
        const some = left.splice(0, TASK_SEGMENTS)
        if (some.length === 0) return
        try {
          results.push(await this.#checkSome(await this.#read(some)))
        } catch (error) {
          failure ??= { error }
        }
      }
    }
    await Promise.all(Array.from({ length: TASKS_MAX }, checkNext))
    if (failure !== undefined) throw failure.error
    return results
  }

  async #read(deltas: readonly ScheduledDelta[]): Promise<SealedDelta[]> {
    const found: SealedDelta[] = []
    const rowOf = ({ number }: ScheduledDelta) => this.#rows[number] as SegmentRow
    const add = (scheduled: ScheduledDelta, sealed: Uint8Array): void => {
      found.push({ number: scheduled.number, row: ownRow(rowOf(scheduled)), sealed, scheduled })
    }
    for (const delta of deltas) if (delta.sealed !== undefined) add(delta, delta.sealed)
    const others = deltas.filter(({ sealed }) => sealed === undefined)
    const placeOf = (delta: ScheduledDelta) => ({
      offset: this.#offsets[delta.number] ?? 0,
      bytes: rowOf(delta).sealed,
    })
    for (const { parts, range } of neighbours(others, placeOf)) {
      const bytes = await this.#parts.repository.storage.read(packKey(this.#pack.id), range)
      for (const scheduled of parts) {
        const { offset, bytes: length } = placeOf(scheduled)
        const from = offset - range.offset
        add(scheduled, bytes.slice(from, from + length))
      }
    }
    return found
  }

  async #checkSome(deltas: readonly SealedDelta[]): Promise<PackCheckResult> {
    const { repository } = this.#parts
    const result = await this.#run(deltas, ({ number, scheduled: { dictionary } }) =>
      dictionary === undefined
        ? readDictionary(repository, this.#pack.no, number)
        : Promise.resolve(dictionary),
    )
    const lacking = new Set(
      result.damages.filter(({ lacksBases }) => lacksBases).map(({ segment }) => segment),
    )
    if (lacking.size === 0) return result
    // What is damaged in its best place may be whole in another one.
    const again = await this.#run(
      deltas.filter(({ number }) => lacking.has(number)),
      ({ number }) => repository.chunks.dictionaryOf(this.#pack.no, number),
    )
    const others = result.damages.filter(({ lacksBases }) => !lacksBases)
    return { ...result, damages: [...others, ...again.damages] }
  }

  async #run(
    deltas: readonly SealedDelta[],
    read: (delta: SealedDelta) => Promise<Dictionary>,
  ): Promise<PackCheckResult> {
    const withBases: DeltaToCheck[] = []
    for (const delta of deltas) {
      const { number, row, sealed } = delta
      withBases.push({ number, row, sealed, dictionary: await orNone(read(delta)) })
    }
    const transfer = withBases.flatMap(({ dictionary }) =>
      dictionary === undefined ? [] : transferOf(dictionary),
    )
    return await this.#parts.pool.run({ ...this.#task, deltas: withBases }, transfer)
  }
}

/** Without the listing of the whole pack, of which a row is a view: sent to a thread, the view would take all of it along. */
function ownRow(row: SegmentRow): SegmentRow {
  return { ...row, chunkLengths: row.chunkLengths.slice(), chunkIds: row.chunkIds.slice() }
}

/** Bases that cannot be had: the check names the segment. */
async function orNone(dictionary: Promise<Dictionary>): Promise<Dictionary | undefined> {
  try {
    return await dictionary
  } catch (error) {
    if (isDamage(error)) return undefined
    throw error
  }
}
