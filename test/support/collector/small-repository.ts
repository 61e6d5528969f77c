/**
 * A new repository with chunks and packs so small that a few short files fill several of each: made once, then copied for
 * each test. Everything in it follows from a seed.
 */

import { toHex } from '../../../src/base/bytes.ts'
import { loadBox } from '../../../src/crypto/box.ts'
import { signaturePublicKey } from '../../../src/crypto/signature.ts'
import { sealConfig } from '../../../src/keys/config.ts'
import { createAdminKeys } from '../../../src/keys/hierarchy.ts'
import { createSlot } from '../../../src/keys/slot.ts'
import type { Clock } from '../../../src/model/clock.ts'
import { ID_BYTES, repositoryId } from '../../../src/model/ids.ts'
import { CONFIG_KEY, slotKey } from '../../../src/object/object-keys.ts'
import { createMemoryStorage, type MemoryObject, type MemoryStorage } from '../../../src/storage/memory.ts'
import { Chance } from '../builders.ts'
import { SECRET } from '../repository.ts'

const CHUNKS = { min: 1_024, average: 2_048, max: 4_096 }
const SEGMENT_BYTES = 4_096
const PACK_BYTES = 12_288

export type SmallRepository = ReadonlyMap<string, MemoryObject>

/** No log entry is there yet: whoever opens it first writes entry 0. */
export async function makeSmallRepository(nowMs: number): Promise<SmallRepository> {
  const random = new Chance(10)
  const storage = createMemoryStorage({ now: () => nowMs })
  const id = repositoryId(toHex(random.bytes(ID_BYTES)))
  const keys = createAdminKeys(await loadBox(), random)
  const config = {
    chunks: CHUNKS,
    incompressibleChunks: CHUNKS,
    segmentBytesTarget: SEGMENT_BYTES,
    packBytesTarget: PACK_BYTES,
    contentPublic: keys.contentPublic,
    firstAdmin: signaturePublicKey(keys.signingSeed),
    createdMs: nowMs,
  }
  const contents = { keys, name: 'test', createdMs: nowMs }
  const slot = await createSlot({ repositoryId: id, secret: SECRET, contents, random })
  await storage.put(slotKey(slot.id), [slot.bytes])
  await storage.create(CONFIG_KEY, sealConfig(config, id, keys.configKey, random))
  return storage.objects
}

export function copyOf(repository: SmallRepository, clock: Clock): MemoryStorage {
  const storage = createMemoryStorage(clock)
  for (const [key, object] of repository) storage.objects.set(key, object)
  return storage
}
