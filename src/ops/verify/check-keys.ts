/** Checks `config` and the key slots. A slot of somebody else opens with their secret only: what it shows in clear is all that can be checked. */

import { OBJECT_SEAL_BYTES } from '../../crypto/aead.ts'
import { CONFIG_OBJECT_BYTES_MAX, openConfig } from '../../keys/config.ts'
import { openSlot, readSlotHead, SLOT_OBJECT_BYTES_MAX, type SlotSecret } from '../../keys/slot.ts'
import { hasCode, SnapError } from '../../model/errors.ts'
import type { SlotId } from '../../model/ids.ts'
import type { Storage } from '../../model/storage.ts'
import { CONFIG_KEY, slotKey } from '../../object/object-keys.ts'
import { padmeBytes } from '../../object/padme.ts'
import { readObject } from '../../object/read-object.ts'
import { slotIds } from '../../repository/open-repository.ts'
import type { Repository } from '../../repository/repository.ts'
import type { DamageList } from './report.ts'

/** Where a slot's sealed body begins, and the least that is sealed in it (format, section 2). */
const SLOT_BODY_AT = 108
const SLOT_FRAME_BYTES_MIN = 512

export async function checkKeys(
  repository: Repository,
  secret: SlotSecret | undefined,
  damages: DamageList,
): Promise<void> {
  const { storage, id, keys } = repository
  await damages.collect(CONFIG_KEY, async () => {
    openConfig(await readObject(storage, CONFIG_KEY, CONFIG_OBJECT_BYTES_MAX), id, keys.configKey)
  })
  for (const slot of await slotIds(storage)) {
    await damages.collect(slotKey(slot), async () => {
      const bytes = await readSlot(storage, slot)
      if (bytes === undefined) return
      if (slot === repository.slot && secret !== undefined) await opens(bytes, repository, secret)
      else checkShape(bytes, repository, slot)
    })
  }
  const left = await slotIds(storage)
  // A key that is changed meanwhile has a new slot first; then the old one goes.
  if (left.includes(repository.slot) || left.some((slot) => !repository.slotsAtOpening.has(slot))) return
  damages.add(slotKey(repository.slot), `${slotKey(repository.slot)}, which opened the repository, is gone`)
}

/** `undefined` where somebody has removed it since it was listed. */
async function readSlot(storage: Storage, slot: SlotId): Promise<Uint8Array | undefined> {
  try {
    return await readObject(storage, slotKey(slot), SLOT_OBJECT_BYTES_MAX)
  } catch (error) {
    if (!hasCode(error, 'OBJECT_MISSING') || (await slotIds(storage)).includes(slot)) throw error
    return undefined
  }
}

async function opens(bytes: Uint8Array, { id, slot }: Repository, secret: SlotSecret): Promise<void> {
  try {
    await openSlot(bytes, id, slot, secret)
  } catch (cause) {
    if (!(cause instanceof SnapError) || cause.code !== 'KEY_WRONG') throw cause
    throw new SnapError(
      'OBJECT_DAMAGED',
      `${slotKey(slot)} opened the repository and does not open any more`,
      { cause },
    )
  }
}

function checkShape(bytes: Uint8Array, { id }: Repository, slot: Repository['slot']): void {
  readSlotHead(bytes, id, slot)
  const frame = bytes.length - SLOT_BODY_AT - OBJECT_SEAL_BYTES
  if (frame < SLOT_FRAME_BYTES_MIN || padmeBytes(frame) !== frame) {
    throw new SnapError('OBJECT_DAMAGED', `${slotKey(slot)} has ${bytes.length} bytes, which no slot has`)
  }
}
