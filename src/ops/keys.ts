/** `key list/add/remove/passwd`: the slots under which the repository's keys are stored. */
import type { PasswordCost } from '../crypto/password.ts'
import type { Role } from '../keys/hierarchy.ts'
import { createSlot, openSlot, readSlotHead, SLOT_OBJECT_BYTES_MAX, type SlotSecret } from '../keys/slot.ts'
import type { SlotContents } from '../keys/slot-body.ts'
import { hasCode, SnapError } from '../model/errors.ts'
import type { SlotId } from '../model/ids.ts'
import { SLOTS_MAX } from '../model/limits.ts'
import type { Storage } from '../model/storage.ts'
import { slotKey } from '../object/object-keys.ts'
import { readObject } from '../object/read-object.ts'
import { slotIds } from '../repository/open-repository.ts'
import type { Repository } from '../repository/repository.ts'

export type KeySlot = {
  readonly id: SlotId
  /** `undefined`: damaged, and `damage` says how. */
  readonly kind: SlotSecret['kind'] | undefined
  readonly damage?: string | undefined
  /** The slot that opened the repository. */
  readonly inUse: boolean
  /** Sealed: known of the slot in use alone, where its secret was given. */
  readonly name?: string | undefined
  readonly role?: Role | undefined
  readonly createdMs?: number | undefined
}

/** `secret`: what opened the repository. */
export async function listKeys(repository: Repository, secret?: SlotSecret): Promise<KeySlot[]> {
  const slots: KeySlot[] = []
  for (const id of await slotIds(repository.storage)) slots.push(await describeSlot(repository, id, secret))
  return slots
}

async function describeSlot(
  repository: Repository,
  id: SlotId,
  secret: SlotSecret | undefined,
): Promise<KeySlot> {
  const inUse = id === repository.slot
  try {
    const bytes = await readObject(repository.storage, slotKey(id), SLOT_OBJECT_BYTES_MAX)
    const { kind } = readSlotHead(bytes, repository.id, id)
    if (!inUse || secret === undefined) return { id, kind, inUse }
    const { name, createdMs, keys } = await openSlot(bytes, repository.id, id, secret)
    return { id, kind, inUse, name, createdMs, role: keys.role }
  } catch (error) {
    if (!hasCode(error, 'OBJECT_DAMAGED', 'OBJECT_MISSING', 'LIMIT_EXCEEDED', 'REPOSITORY_TOO_NEW'))
      throw error
    return { id, kind: undefined, damage: error.message, inUse }
  }
}

export type NewKey = {
  readonly secret: SlotSecret
  readonly name: string
  /** Of a password; the default where absent. */
  readonly cost?: PasswordCost | undefined
}

/**
 * Stores the same keys under another secret, as an admin (`KEY_WRONG` for other roles; `LIMIT_EXCEEDED` where there are as many slots as a repository may have). It has been read back and opened
 * when this returns; where that fails, it is removed again.
 */
export async function addKey(repository: Repository, { secret, name, cost }: NewKey): Promise<SlotId> {
  const { storage, keys, random, clock, id: repositoryId } = repository
  if (keys.role !== 'admin') {
    throw new SnapError('KEY_WRONG', `a ${keys.role} cannot add keys`, { hint: 'Use the key of an admin.' })
  }
  if ((await slotIds(storage)).length >= SLOTS_MAX) {
    throw new SnapError('LIMIT_EXCEEDED', `the repository has ${SLOTS_MAX} keys, and cannot have more`, {
      hint: 'Remove a key that nobody needs with `snap key remove`.',
    })
  }
  const contents: SlotContents = { keys, name, createdMs: clock.now() }
  const slot = await createSlot({ repositoryId, secret, cost, contents, random })
  await storage.put(slotKey(slot.id), [slot.bytes])
  try {
    await openSlot(await storage.read(slotKey(slot.id)), repositoryId, slot.id, secret)
  } catch (error) {
    await storage.remove(slotKey(slot.id))
    throw error
  }
  return slot.id
}

/**
 * `KEY_IN_USE` for the last slot that is whole, and for the one that opened the repository unless `evenInUse`. `KEY_UNKNOWN`
 * where no slot, or more than one, begins with `id`. Whoever knows the keys already knows them still.
 */
export async function removeKey(
  repository: Repository,
  request: { readonly id: string; readonly evenInUse: boolean },
): Promise<SlotId> {
  const slots = await listKeys(repository)
  const { id } = matchingSlot(slots, request.id)
  if (!slots.some((slot) => slot.id !== id && slot.kind !== undefined)) {
    throw new SnapError('KEY_IN_USE', `${id} is the last key: without it nobody could open the repository`, {
      hint: 'Add another key first.',
    })
  }
  if (id === repository.slot && !request.evenInUse) {
    throw new SnapError('KEY_IN_USE', `${id} is the key that is in use`, {
      hint: 'Use another key to remove it, or say --even-in-use.',
    })
  }
  await removeSlot(repository, id)
  return id
}

/**
 * Where others remove what was to be left at the same time, the last one of them finds nothing left, and puts its own back:
 * `KEY_IN_USE` then.
 */
async function removeSlot(repository: Repository, id: SlotId): Promise<void> {
  const { storage } = repository
  const key = slotKey(id)
  const bytes = await readSlot(storage, id)
  await storage.remove(key)
  if ((await listKeys(repository)).some(({ kind }) => kind !== undefined)) return
  if (bytes !== undefined) await storage.put(key, [bytes])
  throw new SnapError('KEY_IN_USE', `${id} is the last key by now: others were removed meanwhile`, {
    hint:
      bytes === undefined
        ? 'It could not be put back. Bring a key slot back from a copy of the repository.'
        : 'It was put back. Add another key first.',
  })
}

/** `undefined` where there is nothing to put back. */
async function readSlot(storage: Storage, id: SlotId): Promise<Uint8Array | undefined> {
  try {
    return await readObject(storage, slotKey(id), SLOT_OBJECT_BYTES_MAX)
  } catch (error) {
    if (!hasCode(error, 'OBJECT_MISSING', 'LIMIT_EXCEEDED')) throw error
    return undefined
  }
}

function matchingSlot(slots: readonly KeySlot[], prefix: string): KeySlot {
  const matching = prefix === '' ? [] : slots.filter(({ id }) => id.startsWith(prefix.toLowerCase()))
  const [first] = matching
  if (first !== undefined && matching.length === 1) return first
  const how = first === undefined ? 'no key begins' : `${matching.length} keys begin`
  throw new SnapError('KEY_UNKNOWN', `${how} with ${JSON.stringify(prefix.slice(0, 64))}`, {
    hint: '`snap key list` lists them.',
  })
}

export type ChangedKey = { readonly added: SlotId; readonly removed: SlotId }

/** Puts another secret in the place of the one in use: the old slot goes when the new one has been seen to open. `KEY_IN_USE` as `removeKey`. */
export async function changeKey(repository: Repository, key: NewKey): Promise<ChangedKey> {
  const added = await addKey(repository, key)
  await removeSlot(repository, repository.slot)
  return { added, removed: repository.slot }
}
