/**
 * The smallest repository that has an object of every type and a log entry of every kind: slots of a key file and of a
 * password, packs of data with plain and delta segments, a pack of trees, an index object, and a list object. For tests that
 * try each of its bits.
 */
import { toHex } from '../../src/base/bytes.ts'
import { hash } from '../../src/crypto/blake3.ts'
import type { SlotSecret } from '../../src/keys/slot.ts'
import { encodeState } from '../../src/log/checkpoint.ts'
import { sealNote, sealTags } from '../../src/log/details.ts'
import { LOG_KINDS, type LogKind } from '../../src/log/entry.ts'
import { appendEntry } from '../../src/log/log.ts'
import type { LogState } from '../../src/log/log-state.ts'
import { encodePayload, type LogPayload } from '../../src/log/payloads.ts'
import { sealList } from '../../src/log/read-entry.ts'
import { ID_BYTES, listId, packId, snapshotId } from '../../src/model/ids.ts'
import { listKey } from '../../src/object/object-keys.ts'
import { addKey } from '../../src/ops/keys.ts'
import type { Repository } from '../../src/repository/repository.ts'
import { addDeltaSnapshot, type DeltaSnapshot } from './delta-repository.ts'
import type { TestRepository } from './repository.ts'

export const PASSWORD: SlotSecret = { kind: 'password', password: Buffer.from('every bit') }
const CHUNK_BYTES = 160

/** Adds to an empty repository what it lacks; its log then has every kind of entry, and one whose payload is a list object. */
export async function addEveryKind(test: TestRepository): Promise<DeltaSnapshot> {
  const { repository } = test
  // Early, while the fold is small.
  await repository.log.append((state) => ({ kind: 'checkpoint', state: encodeState(state) }))
  await addKey(repository, { secret: PASSWORD, name: 'p', cost: { passes: 1, memoryBytes: 8_388_608 } })
  const delta = await addDeltaSnapshot(repository, { chunkBytes: CHUNK_BYTES })
  const examples = await examplesOf(repository, delta)
  const written = new Set<LogKind>(['keys', 'checkpoint', 'commit'])
  for (const kind of LOG_KINDS) {
    if (written.has(kind)) continue
    const example = examples[kind]
    if (example === undefined) throw new Error(`a log entry of kind ${kind} has no example here`)
    await repository.log.append(example)
  }
  await addList(repository)
  return delta
}

type Example = () => LogPayload

async function examplesOf(
  repository: Repository,
  { snapshot, packs }: DeltaSnapshot,
): Promise<Partial<Record<LogKind, Example>>> {
  const { random, keys } = repository
  const box = await repository.box()
  const note = sealNote(box, keys.contentPublic, { operation: 'test' })
  const tags = sealTags(box, keys.contentPublic, ['tag'])
  const pack = () => packId(toHex(random.bytes(ID_BYTES)))
  return {
    forget: () => ({ kind: 'forget', snapshots: [snapshot] }),
    unforget: () => ({ kind: 'unforget', snapshots: [snapshot] }),
    gc: () => ({ kind: 'gc', packs: [pack()], indexes: [], newIndexes: [], snapshots: [] }),
    quarantine: () => ({ kind: 'quarantine', packs: [pack()] }),
    attest: () => ({ kind: 'attest', packs: Object.values(packs).map(({ id }) => id) }),
    note: () => ({ kind: 'note', sealed: note }),
    hold: () => ({ kind: 'hold', snapshots: [snapshot] }),
    unhold: () => ({ kind: 'unhold', snapshots: [snapshot] }),
    tag: () => ({ kind: 'tag', tags: [{ snapshot, sealed: tags }] }),
  }
}

/** A FORGET whose payload is elsewhere, as that of a long one would be. */
async function addList({ log, storage, id: repositoryId, keys, random, clock }: Repository): Promise<void> {
  const place = { storage, repositoryId, logKey: keys.logKey }
  const unknown = snapshotId(toHex(random.bytes(ID_BYTES)))
  const id = listId(toHex(random.bytes(ID_BYTES)))
  const list = sealList(encodePayload({ kind: 'forget', snapshots: [unknown] }), id, place, random)
  await storage.put(listKey(id), [list])
  const prepared = { kind: 'forget', payload: { list: { id, hash: hash(list) } }, list } as const
  const draft = { prepared, timeMs: clock.now(), signingSeed: keys.signingSeed, random }
  await appendEntry(place, log.state as LogState, draft)
  await log.follow()
}
