/** Fetches the segments of a pack that are decoded for the bases in them alone. */
import type { PackId } from '../../model/ids.ts'
import { packKey } from '../../object/object-keys.ts'
import { neighbours } from '../../repository/neighbours.ts'
import type { Repository } from '../../repository/repository.ts'
import { segmentPlace } from '../../repository/segment-place.ts'
import type { BasesTask } from '../../workers/pack-check.ts'
import type { PackCopies } from './delta-schedule.ts'

export type BasesPack = { readonly no: number; readonly id: PackId }

/** The task, and the buffers that it is to be given for good. Throws what is wrong with the pack. */
export async function readBases(
  { no, id }: BasesPack,
  copies: PackCopies,
  repository: Repository,
): Promise<{ readonly task: BasesTask; readonly transfer: ArrayBuffer[] }> {
  const { storage, manifest } = repository
  const { header, packKey: key, footerKey } = await (await repository.keyring()).of(id)
  const places = [...copies].map(([number, bases]) => {
    const { offset, sealed } = segmentPlace(manifest, no, number)
    return { number, copies: bases, offset, bytes: sealed }
  })
  places.sort((a, b) => a.number - b.number)
  const segments: BasesTask['segments'][number][] = []
  const transfer: ArrayBuffer[] = []
  for (const { parts, range } of neighbours(places, (place) => place)) {
    const bytes = await storage.read(packKey(id), range)
    transfer.push(bytes.buffer)
    for (const { number, copies: bases, offset, bytes: length } of parts) {
      const from = offset - range.offset
      segments.push({ number, copies: bases, sealed: bytes.subarray(from, from + length) })
    }
  }
  return { task: { kind: 'bases', id, header, keys: { packKey: key, footerKey }, segments }, transfer }
}
