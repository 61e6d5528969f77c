/**
 * Checks packs: each against the listing, and, where the data is to be checked, every byte of it, on the threads of a
 * pool. What cannot be read any more is taken out of the places.
 */
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
import { DeltaSegments } from './delta-segments.ts'
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
  const counts: PackCounts = { bytes: 0, chunks: 0 }
  const present = packs.filter(({ no }) => !places.isLostPack(no))
  const bytes = present.reduce((sum, pack) => sum + pack.bytes, 0)
  progress({ kind: 'total', files: present.length, bytes, final: true })
  const running = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  for (const pack of present) {
    if (failure !== undefined || signal.aborted) break
    const work: Promise<void> = checkPack(pack, parts, counts)
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
  return counts
}

async function checkPack(pack: PackRow, parts: PackDataParts, counts: PackCounts): Promise<void> {
  const { repository, pool, places, damages, progress } = parts
  const key = packKey(pack.id)
  progress({ kind: 'file', path: key })
  const task = await during('read a pack', () => readTask(pack, repository)).catch((error: unknown) => {
    if (!isDamage(error)) throw error
    damages.add(key, error.message)
    places.losesPack(pack.no)
    return undefined
  })
  if (task !== undefined) {
    const deltas = new DeltaSegments(pack, task, parts)
    const transfer = task.bytes.buffer instanceof ArrayBuffer ? [task.bytes.buffer] : []
    addInFlight(pack.bytes)
    const whole = await pool.run(task, transfer).finally(() => addInFlight(-pack.bytes))
    const results = [whole, ...(await deltas.check())]
    const found = results.flatMap((result) => result.damages)
    counts.bytes += pack.bytes
    for (const { chunks } of results) counts.chunks += chunks
    for (const { segment, reason } of found) {
      damages.add(key, reason, segment)
      if (segment !== undefined) places.losesSegment(pack.no, segment)
    }
    if (found.length === 0) repository.manifest.packs.markVerified(pack.no, repository.clock.now())
  }
  progress({ kind: 'done', files: 1, bytes: pack.bytes })
}

async function readTask(pack: PackRow, repository: Repository): Promise<WholePackTask> {
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
  return { kind: 'pack', id: pack.id, bytes, keys: opened, segments: manifest.packs.tableOf(pack.no) }
}
