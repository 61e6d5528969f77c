/** Checks `config` and the key slots. A slot of somebody else opens with their secret only: what it shows in clear is all that can be checked. */

import { OBJECT_SEAL_BYTES } from '../../crypto/aead.ts'
import { CONFIG_OBJECT_BYTES_MAX, openConfig } from '../../keys/config.ts'
import { openSlot, readSlotHead, SLOT_OBJECT_BYTES_MAX, type SlotSecret } from '../../keys/slot.ts'
import { SnapError } from '../../model/errors.ts'
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
  const slots = await slotIds(storage)
  if (!slots.includes(repository.slot)) {
    damages.add(slotKey(repository.slot), `${slotKey(repository.slot)}, which opened the repository, is gone`)
  }
  for (const slot of slots) {
    await damages.collect(slotKey(slot), async () => {
      const bytes = await readObject(storage, slotKey(slot), SLOT_OBJECT_BYTES_MAX)
      if (slot === repository.slot && secret !== undefined) await opens(bytes, repository, secret)
      else checkShape(bytes, repository, slot)
    })
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
