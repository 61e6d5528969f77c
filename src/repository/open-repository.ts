/** Makes and opens repositories: config, slots, keys, then the manifest and the log. */
import { join } from 'node:path'
import { toHex } from '../base/bytes.ts'
import { during } from '../base/trace.ts'
import { chunkerParams, DEFAULT_PARAMS, MEDIA_PARAMS } from '../chunker/params.ts'
import { loadBox } from '../crypto/box.ts'
import { signaturePublicKey } from '../crypto/signature.ts'
import { openConfig, type RepositoryConfig, sealConfig } from '../keys/config.ts'
import { createAdminKeys } from '../keys/hierarchy.ts'
import { PasswordWork } from '../keys/password-work.ts'
import { createSlot, openSlot, readSlotHead, SLOT_OBJECT_BYTES_MAX, type SlotSecret } from '../keys/slot.ts'
import type { SlotContents } from '../keys/slot-body.ts'
import { openManifest } from '../manifest/open-manifest.ts'
import type { Clock, Random } from '../model/clock.ts'
import { hasCode, SnapError } from '../model/errors.ts'
import { ID_BYTES, type RepositoryId, repositoryId, type SlotId } from '../model/ids.ts'
import { PACK_BYTES_TARGET, SEGMENT_BYTES_MAX, SLOTS_MAX } from '../model/limits.ts'
import type { Storage } from '../model/storage.ts'
import { decodeObjectHeader } from '../object/header.ts'
import { CONFIG_KEY, SLOT_PREFIX, slotIdOf, slotKey } from '../object/object-keys.ts'
import { readObject } from '../object/read-object.ts'
import { type Processes, systemProcesses } from '../storage/processes.ts'
import { hasPacks, readConfig, refuseBeheaded } from './read-config.ts'
import { Repository } from './repository.ts'

export type RepositoryPorts = {
  /** Taken over: closed with the repository. */
  readonly storage: Storage
  /** Where manifests are kept, one directory for each repository. */
  readonly cacheDirectory: string
  readonly clock: Clock
  readonly random: Random
  /** Tells which backups of this machine are under way; the system's where absent. */
  readonly processes?: Processes
}

export type InitRequest = {
  /** Makes the secret of the first slot, once the repository's id is known (a key file holds it). */
  readonly secret: (id: RepositoryId) => Promise<SlotSecret>
  readonly slotName: string
  /** Average chunk of ordinary files in bytes; the default where absent. */
  readonly chunkBytes?: number | undefined
}

/**
 * Makes a repository and opens it. `REPOSITORY_EXISTS` where there is one. The config is created last but one, and
 * only if absent: two `init` at once make one repository, and one killed half-way leaves none.
 */
export async function createRepository(ports: RepositoryPorts, request: InitRequest): Promise<Repository> {
  const { storage, random, clock } = ports
  if ((await storage.stat(CONFIG_KEY)) !== undefined) throw exists(storage)
  await refuseBeheaded(storage)
  const id = repositoryId(toHex(random.bytes(ID_BYTES)))
  const keys = createAdminKeys(await loadBox(), random)
  const createdMs = clock.now()
  const config: RepositoryConfig = {
    chunks: request.chunkBytes === undefined ? DEFAULT_PARAMS : chunkerParams(request.chunkBytes),
    incompressibleChunks: MEDIA_PARAMS,
    segmentBytesTarget: SEGMENT_BYTES_MAX,
    packBytesTarget: PACK_BYTES_TARGET,
    contentPublic: keys.contentPublic,
    firstAdmin: signaturePublicKey(keys.signingSeed),
    createdMs,
  }
  const secret = await request.secret(id)
  const slot = await createSlot({
    repositoryId: id,
    secret,
    contents: { keys, name: request.slotName, createdMs },
    random,
  })
  await storage.put(slotKey(slot.id), [slot.bytes])
  const created = await storage.create(CONFIG_KEY, sealConfig(config, id, keys.configKey, random))
  // Something between us and the storage may ask twice: then it says no to who has won.
  if (!created && (await readConfig(storage)).id !== id) {
    await storage.remove(slotKey(slot.id))
    throw exists(storage)
  }
  return openRepository(ports, secret)
}

function exists(storage: Storage): SnapError {
  return new SnapError('REPOSITORY_EXISTS', `there is a repository already at ${storage.description}`, {
    hint: 'Use it as it is, or choose another place.',
  })
}

/** Opens with the first slot that the secret fits, and follows the log to its head. */
export function openRepository(ports: RepositoryPorts, secret: SlotSecret): Promise<Repository> {
  return during('open repository', () => open(ports, secret))
}

async function open(ports: RepositoryPorts, secret: SlotSecret): Promise<Repository> {
  const { storage, cacheDirectory, clock, random, processes = systemProcesses() } = ports
  const { id, bytes: configBytes } = await readConfig(storage)
  const { slot, contents, slots } = await during('unlock', () => findSlot(storage, id, secret))
  const config = openConfig(configBytes, id, contents.keys.configKey)
  if (Buffer.compare(config.contentPublic, contents.keys.contentPublic) !== 0) {
    throw new SnapError('OBJECT_DAMAGED', `config and slots/${slot} name different content keys`)
  }
  const manifestPath = manifestPathOf(cacheDirectory, id)
  const manifest = openManifest(manifestPath)
  const repository = new Repository({
    id,
    storage,
    keys: contents.keys,
    config,
    manifest,
    manifestPath,
    slot,
    slotsAtOpening: new Set(slots),
    processes,
    clock,
    random,
  })
  try {
    await repository.log.begin(() => removeForeignSlots(storage, id))
  } catch (error) {
    manifest[Symbol.dispose]()
    throw error
  }
  return repository
}

/** Where the manifest of a repository lies. */
export function manifestPathOf(cacheDirectory: string, id: RepositoryId): string {
  return join(cacheDirectory, id, 'manifest.db')
}

/**
 * What an `init` has left that was killed before it made its repository. Only where there is no log entry and no pack: the slots
 * of a repository that has lost its config and log are the only keys to what its packs hold.
 */
async function removeForeignSlots(storage: Storage, id: RepositoryId): Promise<void> {
  if (await hasPacks(storage)) return
  for (const slot of await slotIds(storage)) {
    const key = slotKey(slot)
    try {
      const { type, repository } = decodeObjectHeader(
        await readObject(storage, key, SLOT_OBJECT_BYTES_MAX),
        key,
      )
      if (type === 'slot' && repository !== id) await storage.remove(key)
    } catch (error) {
      if (!hasCode(error, 'OBJECT_DAMAGED', 'OBJECT_MISSING', 'LIMIT_EXCEEDED')) throw error
    }
  }
}

type OpenedSlot = {
  readonly slot: SlotId
  readonly contents: SlotContents
  /** All that there were. */
  readonly slots: readonly SlotId[]
}

/**
 * `KEY_WRONG` where no slot opens; `OBJECT_DAMAGED` where none that is whole could have been for this secret;
 * `LIMIT_EXCEEDED` where a password could not be tried on all slots, for the work they ask for. Slots that are damaged are
 * passed over while another opens.
 */
async function findSlot(storage: Storage, id: RepositoryId, secret: SlotSecret): Promise<OpenedSlot> {
  let damaged: { readonly slot: SlotId; readonly error: SnapError } | undefined
  let refused = false
  let untried = 0
  const work = new PasswordWork()
  const slots = await slotIds(storage)
  if (slots.length === 0) {
    throw new SnapError(
      'OBJECT_MISSING',
      `the repository at ${storage.description} has lost all its key slots`,
      {
        hint: 'Nothing opens it without one: bring the directory `slots` back from a copy of the repository.',
      },
    )
  }
  for (const slot of slots) {
    try {
      const bytes = await readObject(storage, slotKey(slot), SLOT_OBJECT_BYTES_MAX)
      const head = readSlotHead(bytes, id, slot)
      if (head.kind !== secret.kind) continue
      if (!work.take(head)) {
        untried += 1
        continue
      }
      return { slot, contents: await openSlot(bytes, id, slot, secret), slots }
    } catch (error) {
      if (hasCode(error, 'OBJECT_DAMAGED', 'LIMIT_EXCEEDED', 'OBJECT_MISSING')) damaged = { slot, error }
      else if (hasCode(error, 'KEY_WRONG')) refused = true
      else throw error
    }
  }
  if (untried > 0) throw tooMuchWork(storage, untried)
  if (damaged !== undefined && !refused) {
    throw new SnapError('OBJECT_DAMAGED', `the key slot ${slotKey(damaged.slot)} is damaged`, {
      hint: 'Use another password or key file of the repository, or bring the slot back from a copy of the repository.',
      cause: damaged.error,
    })
  }
  throw new SnapError(
    'KEY_WRONG',
    `this ${secret.kind} does not open the repository at ${storage.description}`,
    damaged === undefined
      ? { hint: 'Check the password or key file.' }
      : {
          hint: `Check the password or key file; ${slotKey(damaged.slot)} is damaged.`,
          cause: damaged.error,
        },
  )
}

function tooMuchWork(storage: Storage, untried: number): SnapError {
  return new SnapError(
    'LIMIT_EXCEEDED',
    `the password slots of ${storage.description} ask for more work than a password is tried with: it was not tried on ${untried} of them`,
    {
      hint: 'Somebody may have added slots to keep you out: use a key file, or put back the `slots` of a copy of the repository.',
    },
  )
}

/** Sorted. `LIMIT_EXCEEDED` for more than a repository may have, none of which was looked at. */
export async function slotIds(storage: Storage): Promise<SlotId[]> {
  const ids: SlotId[] = []
  for await (const stat of storage.list(SLOT_PREFIX)) {
    const id = slotIdOf(stat.key)
    if (id !== undefined) ids.push(id)
    if (ids.length > SLOTS_MAX) {
      throw new SnapError(
        'LIMIT_EXCEEDED',
        `the repository at ${storage.description} has more than ${SLOTS_MAX} key slots`,
        {
          hint: 'Somebody may have added slots to keep you out: put back the `slots` of a copy of the repository.',
        },
      )
    }
  }
  return ids.sort()
}
