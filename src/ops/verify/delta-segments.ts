/**
 * The delta segments of a pack that is checked: a few at a time, because the bases of each travel with it to the thread that decodes
 * them. It reads bases and nothing else.
 */
import type { PackRow } from '../../manifest/packs-table.ts'
import { PACK_HEADER_BYTES } from '../../model/limits.ts'
import { readDictionary } from '../../repository/base-reader.ts'
import type { Repository } from '../../repository/repository.ts'
import { type Dictionary, transferOf } from '../../workers/base-reading.ts'
import type {
  DeltaSegmentsTask,
  DeltaToCheck,
  PackCheckResult,
  PackCheckTask,
  WholePackTask,
} from '../../workers/pack-check.ts'
import type { TaskPool } from '../../workers/task-pool.ts'
import { isDamage } from './report.ts'

/** Segments of one task, and tasks under way for one pack. */
const TASK_SEGMENTS = 4
const TASKS_MAX = 3

type DeltaParts = {
  readonly repository: Repository
  readonly pool: TaskPool<PackCheckTask, PackCheckResult>
}

export class DeltaSegments {
  readonly #pack: PackRow
  readonly #parts: DeltaParts
  readonly #task: Omit<DeltaSegmentsTask, 'deltas'>
  /** Still to be checked. */
  readonly #deltas: Omit<DeltaToCheck, 'dictionary'>[] = []

  /** Copies what it needs of the pack's bytes. */
  constructor(pack: PackRow, { id, bytes, keys, segments }: WholePackTask, parts: DeltaParts) {
    this.#pack = pack
    this.#parts = parts
    this.#task = { kind: 'deltas', id, header: bytes.slice(0, PACK_HEADER_BYTES), keys }
    let at = PACK_HEADER_BYTES
    for (const [number, row] of segments.entries()) {
      if (row.depth > 0) this.#deltas.push({ number, row, sealed: bytes.slice(at, at + row.sealed) })
      at += row.sealed
    }
  }

  async check(): Promise<PackCheckResult[]> {
    const results: PackCheckResult[] = []
    let failure: { readonly error: unknown } | undefined
    const checkNext = async (): Promise<void> => {
      while (failure === undefined) {
        const deltas = this.#deltas.splice(0, TASK_SEGMENTS)
        if (deltas.length === 0) return
        try {
          results.push(await this.#checkSome(deltas))
        } catch (error) {
          failure ??= { error }
        }
      }
    }
    await Promise.all(Array.from({ length: TASKS_MAX }, checkNext))
    if (failure !== undefined) throw failure.error
    return results
  }

  async #checkSome(deltas: readonly Omit<DeltaToCheck, 'dictionary'>[]): Promise<PackCheckResult> {
    const result = await this.#run(deltas, (number) =>
      readDictionary(this.#parts.repository, this.#pack.no, number),
    )
    const lacking = new Set(
      result.damages.filter(({ lacksBases }) => lacksBases).map(({ segment }) => segment),
    )
    if (lacking.size === 0) return result
    // What is damaged in its best place may be whole in another one.
    const again = await this.#run(
      deltas.filter(({ number }) => lacking.has(number)),
      (number) => this.#parts.repository.chunks.dictionaryOf(this.#pack.no, number),
    )
    const others = result.damages.filter(({ lacksBases }) => !lacksBases)
    return { ...result, damages: [...others, ...again.damages] }
  }

  async #run(
    deltas: readonly Omit<DeltaToCheck, 'dictionary'>[],
    read: (number: number) => Promise<Dictionary>,
  ): Promise<PackCheckResult> {
    const withBases: DeltaToCheck[] = []
    for (const delta of deltas) withBases.push({ ...delta, dictionary: await orNone(read(delta.number)) })
    const transfer = withBases.flatMap(({ dictionary }) =>
      dictionary === undefined ? [] : transferOf(dictionary),
    )
    return await this.#parts.pool.run({ ...this.#task, deltas: withBases }, transfer)
  }
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
