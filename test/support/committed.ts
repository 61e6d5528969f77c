/** Snapshots of nothing, committed by hand: for tests of what happens to snapshots, whatever is in them. */
import { join } from 'node:path'
import { toHex } from '../../src/base/bytes.ts'
import { systemRandom } from '../../src/crypto/random.ts'
import { signaturePublicKey } from '../../src/crypto/signature.ts'
import { type AdminKeys, grantKeys, type Role } from '../../src/keys/hierarchy.ts'
import { createSlot, type SlotSecret } from '../../src/keys/slot.ts'
import { type SnapshotDetails, sealDetails } from '../../src/log/details.ts'
import type { KeyRole } from '../../src/log/payloads.ts'
import { ID_BYTES, type SnapshotId, snapshotId } from '../../src/model/ids.ts'
import type { Storage } from '../../src/model/storage.ts'
import { slotKey } from '../../src/object/object-keys.ts'
import { openRepository } from '../../src/repository/open-repository.ts'
import type { Repository } from '../../src/repository/repository.ts'
import { EMPTY_CONTENT, encodeContent } from '../../src/snapshot/content.ts'
import { seriesOf } from '../../src/snapshot/series.ts'
import { SECRET, type TestRepository } from './repository.ts'

export type Committed = Partial<
  Pick<SnapshotDetails, 'hostname' | 'paths' | 'tags' | 'label' | 'incomplete'>
> & {
  /** When it was taken; default: the test's now, which is when it is committed. */
  readonly timeMs?: number
  /** Instead of details: what does not open. */
  readonly sealed?: Uint8Array
}

export async function commitSnapshot(
  test: TestRepository,
  about: Committed = {},
  by: Repository = test.repository,
): Promise<SnapshotId> {
  const { hostname = 'host', paths = ['/srv'], tags = [], label, incomplete = false } = about
  const details: SnapshotDetails = {
    hostname,
    username: 'user',
    paths,
    tags,
    label,
    program: { name: 'snap', version: '0' },
    excludes: [],
    incomplete,
    unreadable: [],
    summary: {},
  }
  const { keys } = by
  const id = snapshotId(toHex(systemRandom.bytes(ID_BYTES)))
  const sealed = about.sealed ?? sealDetails(await by.box(), keys.contentPublic, details)
  await by.log.append((state) => ({
    kind: 'commit',
    snapshot: id,
    series: seriesOf(keys.idKey, hostname, { paths }),
    headRead: state.next - 1,
    timeMs: about.timeMs ?? test.now,
    root: encodeContent(EMPTY_CONTENT),
    indexes: [],
    details: sealed,
  }))
  return id
}

/** The same repository with a manifest of its own, as on another machine. Closed by the caller. */
export function openElsewhere(
  test: TestRepository,
  options: { readonly storage?: Storage; readonly secret?: SlotSecret; readonly name?: string } = {},
): Promise<Repository> {
  const { storage = test.storage, secret = SECRET, name = 'elsewhere' } = options
  return openRepository({ ...test.ports, storage, cacheDirectory: join(test.directory, name) }, secret)
}

/** Runs `others` once, right before the next log entry that goes through the storage is tried. */
export function overtaken(storage: Storage, others: () => Promise<unknown>): Storage {
  let before: (() => Promise<unknown>) | undefined = others
  return {
    ...storage,
    create: async (key, bytes) => {
      const run = key.startsWith('log/') ? before : undefined
      if (run !== undefined) before = undefined
      await run?.()
      return storage.create(key, bytes)
    },
  }
}

/** Adds a slot for another role, and the entry that admits its key. */
export async function addRole(
  test: TestRepository,
  role: Role,
  admitted: KeyRole = role,
): Promise<SlotSecret> {
  const { repository } = test
  const secret: SlotSecret = { kind: 'key file', secret: systemRandom.bytes(32) }
  const keys = grantKeys(repository.keys as AdminKeys, role, systemRandom)
  const contents = { keys, name: role, createdMs: test.now }
  const slot = await createSlot({ repositoryId: repository.id, secret, contents, random: systemRandom })
  await test.storage.put(slotKey(slot.id), [slot.bytes])
  const publicKey = signaturePublicKey(keys.signingSeed)
  await repository.log.append(() => ({ kind: 'keys', keys: [{ publicKey, role: admitted, name: role }] }))
  return secret
}
