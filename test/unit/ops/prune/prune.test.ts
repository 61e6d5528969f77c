import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createZstd, type Zstd } from '../../../../src/codec/zstd.ts'
import { SnapError } from '../../../../src/model/errors.ts'
import type { SnapshotId } from '../../../../src/model/ids.ts'
import { packKey } from '../../../../src/object/object-keys.ts'
import { LiveChunks } from '../../../../src/ops/prune/live-chunks.ts'
import { type PruneRequest, prune } from '../../../../src/ops/prune/prune.ts'
import type { PruneReport } from '../../../../src/ops/prune/report.ts'
import { verify } from '../../../../src/ops/verify/verify.ts'
import { addDeltaSnapshot } from '../../../support/delta-repository.ts'
import { TestRepository } from '../../../support/repository.ts'

const DAY_MS = 86_400_000
let repo: TestRepository

beforeEach(async () => {
  repo = await TestRepository.create()
  mkdirSync(repo.source('directory'), { recursive: true })
})
afterEach(() => repo[Symbol.asyncDispose]())

const noise = (bytes: number, seed: number): Buffer => {
  const out = Buffer.alloc(bytes)
  let state = seed * 2_654_435_761
  for (let at = 0; at < bytes; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0
    out[at] = state >>> 16
  }
  return out
}

const NOBODY_ASKS = { progress: () => undefined, signal: new AbortController().signal }

function requestOf(change: Partial<PruneRequest> = {}): PruneRequest {
  return {
    unusedShareMax: 0.05,
    repackBytesMax: Number.POSITIVE_INFINITY,
    undoMs: 0,
    strayMs: DAY_MS,
    acceptDamagedLog: false,
    dryRun: false,
    ...change,
  }
}

async function pruneNow(change: Partial<PruneRequest> = {}): Promise<PruneReport> {
  return prune(repo.repository, requestOf(change), NOBODY_ASKS)
}

async function forget(...snapshots: SnapshotId[]): Promise<void> {
  await repo.repository.log.append(() => ({ kind: 'forget', snapshots }))
}

/** Nothing is damaged, for this client and for one that has never seen the repository; nothing is left over. */
async function expectWhole({ unreferenced = 0 } = {}): Promise<void> {
  for (const forgetting of [false, true]) {
    await repo.reopen({ forgetting })
    const ports = { pool: repo.pool(), progress: () => undefined, signal: new AbortController().signal }
    const report = await verify(repo.repository, { data: true }, ports)
    expect(report).toMatchObject({ damages: [], affectedTotal: 0, unreferenced })
  }
}

describe('prune', () => {
  it('changes nothing, not even the log, where everything is needed', async () => {
    writeFileSync(repo.source('directory', 'file'), noise(300_000, 1))
    await repo.backup()
    const before = repo.keys()
    const report = await pruneNow()
    expect(report).toMatchObject({ snapshots: [], packs: { dead: 0, repacked: 0, stray: 0, added: 0 } })
    expect(report.bytes).toMatchObject({ removed: 0, added: 0 })
    expect(repo.keys()).toEqual(before)
  })

  it('removes what only forgotten snapshots need, and says so', async () => {
    writeFileSync(repo.source('directory', 'first'), noise(300_000, 1))
    const { snapshot } = await repo.backup()
    rmSync(repo.source('directory', 'first'))
    writeFileSync(repo.source('directory', 'second'), noise(200_000, 2))
    await repo.backup()
    await forget(snapshot)
    const before = repo.keys('packs/')
    const report = await pruneNow()
    expect(report.snapshots).toEqual([snapshot])
    expect(report.packs).toMatchObject({ dead: 2, repacked: 0 })
    expect(report.bytes.removed).toBeGreaterThan(300_000)
    expect(repo.keys('packs/')).toHaveLength(before.length - 2)
    expect(repo.repository.log.state.snapshots.has(snapshot)).toBe(false)
    await expectWhole()
    expect(await pruneNow()).toMatchObject({ snapshots: [], bytes: { removed: 0, added: 0 } })
  })

  it('spares what was forgotten a short while ago, and lets it be had back', async () => {
    writeFileSync(repo.source('directory', 'first'), noise(300_000, 1))
    const { snapshot } = await repo.backup()
    writeFileSync(repo.source('directory', 'first'), noise(300_000, 2))
    await repo.backup()
    await forget(snapshot)
    repo.now += 13 * DAY_MS
    expect(await pruneNow({ undoMs: 14 * DAY_MS })).toMatchObject({
      snapshots: [],
      spared: [snapshot],
      sparedUntilMs: repo.now + DAY_MS,
    })
    await repo.repository.log.append(() => ({ kind: 'unforget', snapshots: [snapshot] }))
    await expectWhole()
    await forget(snapshot)
    repo.now += 14 * DAY_MS
    expect(await pruneNow({ undoMs: 14 * DAY_MS })).toMatchObject({
      snapshots: [snapshot],
      spared: [],
      sparedUntilMs: undefined,
    })
    await expectWhole()
  })

  it('spares what is held', async () => {
    writeFileSync(repo.source('directory', 'first'), noise(300_000, 1))
    const { snapshot } = await repo.backup()
    await forget(snapshot)
    await repo.repository.log.append(() => ({ kind: 'hold', snapshots: [snapshot] }))
    expect((await pruneNow()).snapshots).toEqual([])
    expect(repo.repository.log.state.snapshots.has(snapshot)).toBe(true)
    await expectWhole()
  })

  it('writes packs anew of which much is not needed, and the rest restores', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `file ${index}`)
    for (const [index, name] of names.entries())
      writeFileSync(repo.source('directory', name), noise(60_000, index + 1))
    const { snapshot } = await repo.backup()
    for (const name of names.slice(0, 6)) rmSync(repo.source('directory', name))
    await repo.backup()
    await forget(snapshot)
    const dry = await pruneNow({ dryRun: true })
    const before = repo.keys()
    expect(repo.keys()).toEqual(before)
    const report = await pruneNow()
    expect(report.packs).toMatchObject({ repacked: 1, added: 1 })
    expect(report.packs).toMatchObject({ repacked: dry.packs.repacked, dead: dry.packs.dead })
    expect(dry.bytes.removed).toBeLessThanOrEqual(report.bytes.removed)
    expect(report.bytes.removed - report.bytes.added).toBeGreaterThan(300_000)
    await expectWhole()
    expect(await pruneNow()).toMatchObject({ packs: { repacked: 0, dead: 0 } })
  })

  it('writes no more anew than it may', async () => {
    for (let round = 0; round < 3; round++) {
      for (let file = 0; file < 4; file++)
        writeFileSync(repo.source('directory', `${round} ${file}`), noise(60_000, round * 10 + file + 1))
      const { snapshot } = await repo.backup()
      if (round > 0) await forget(snapshot)
    }
    for (let round = 0; round < 3; round++) rmSync(repo.source('directory', `${round} 0`))
    await repo.backup()
    for (const { id } of [...repo.repository.log.state.snapshots.values()].slice(0, 3)) await forget(id)
    const report = await pruneNow({ repackBytesMax: 300_000 })
    expect(report.packs.repacked).toBe(1)
    await expectWhole()
    expect((await pruneNow()).packs.repacked).toBe(2)
    await expectWhole()
  })

  it('makes one pack of many small ones, and one index object', async () => {
    for (let round = 0; round < 9; round++) {
      writeFileSync(repo.source('directory', `${round}`), noise(5_000, round + 1))
      await repo.backup()
    }
    expect(repo.keys('packs/').length).toBe(18)
    const report = await pruneNow()
    expect(report.packs).toMatchObject({ repacked: 18, added: 2 })
    expect(repo.keys('packs/')).toHaveLength(2)
    expect(repo.keys('index/')).toHaveLength(1)
    await expectWhole()
    writeFileSync(repo.source('directory', 'later'), noise(5_000, 99))
    const { summary } = await repo.backup()
    expect(summary).toMatchObject({ filesUnmodified: 9, filesAgain: 0, filesNew: 1 })
    await expectWhole()
  })

  it('removes what an interrupted writer left, when it has lain there long enough', async () => {
    writeFileSync(repo.source('directory', 'file'), noise(50_000, 1))
    await repo.backup()
    const copy = repo.keys()
    writeFileSync(repo.source('directory', 'lost'), noise(50_000, 2))
    await repo.backup()
    // As if the second backup had been killed before its log entry, on another machine.
    const [entry = ''] = repo.keys('log/').slice(-1)
    repo.storage.objects.delete(entry)
    await repo.reopen({ forgetting: true })
    const left = repo.keys().filter((key) => /^(packs|index)/.test(key) && !copy.includes(key))
    const bytes = left.reduce((sum, key) => sum + repo.bytesOf(key).length, 0)
    expect(await pruneNow()).toMatchObject({ packs: { stray: 0 }, awaited: { packs: 2, indexes: 1, bytes } })
    repo.now += 2 * DAY_MS
    const nothing = { packs: 0, indexes: 0, bytes: 0 }
    expect(await pruneNow()).toMatchObject({ packs: { stray: 2 }, awaited: nothing })
    expect(repo.keys('packs/')).toEqual(copy.filter((key) => key.startsWith('packs/')))
    await expectWhole()
  })

  it('removes what a prune had condemned that did not come to remove it, and counts it', async () => {
    writeFileSync(repo.source('directory', 'first'), noise(300_000, 1))
    const { snapshot } = await repo.backup()
    writeFileSync(repo.source('directory', 'first'), noise(10_000, 2))
    await repo.backup()
    await forget(snapshot)
    const { remove } = repo.storage
    repo.storage.remove = () => Promise.reject(new Error('killed'))
    await expect(pruneNow()).rejects.toThrow('killed')
    repo.storage.remove = remove
    const report = await pruneNow()
    expect(report).toMatchObject({ snapshots: [], packs: { dead: 0, left: 2 } })
    expect(report.bytes.removed).toBeGreaterThan(300_000)
    await expectWhole()
  })

  it('removes what a killed one had condemned before it writes anything: there may be no other room', async () => {
    for (let file = 0; file < 12; file++)
      writeFileSync(repo.source('directory', `${file}`), noise(60_000, file + 1))
    const { snapshot: first } = await repo.backup()
    writeFileSync(repo.source('directory', 'gone'), noise(300_000, 99))
    const { snapshot: second } = await repo.backup()
    for (const name of ['0', '1', '2', 'gone']) rmSync(repo.source('directory', name))
    await repo.backup()
    await forget(first, second)
    const { remove, put } = repo.storage
    repo.storage.remove = () => Promise.reject(new Error('killed'))
    await expect(pruneNow({ repackBytesMax: 0 })).rejects.toThrow('killed')
    repo.storage.remove = remove
    const condemned = [...repo.repository.log.state.condemnedPacks.keys()].map(packKey)
    const left = (): string[] => condemned.filter((key) => repo.storage.objects.has(key))
    expect(left()).toEqual(condemned)
    expect(condemned.length).toBeGreaterThan(0)
    repo.storage.put = async (key, parts) => {
      if (left().length > 0) throw new SnapError('REPOSITORY_FULL', 'no room')
      await put.call(repo.storage, key, parts)
    }
    expect(await pruneNow()).toMatchObject({ packs: { repacked: 1, added: 1, left: condemned.length } })
    repo.storage.put = put
    expect(left()).toEqual([])
    await expectWhole()
  })

  it('refuses to remove anything where it cannot be told what is needed', async () => {
    writeFileSync(repo.source('directory', 'first'), noise(50_000, 1))
    const { snapshot } = await repo.backup()
    writeFileSync(repo.source('directory', 'first'), noise(50_000, 2))
    await repo.backup()
    await forget(snapshot)
    const [tree = ''] = repo.repository.manifest.packs
      .list()
      .filter(({ kind }) => kind === 'tree')
      .slice(-1)
      .map(({ id }) => id)
    repo.storage.objects.delete(`packs/${tree.slice(0, 2)}/${tree}`)
    await repo.reopen({ forgetting: true })
    const before = repo.keys()
    await expect(pruneNow()).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
    expect(repo.keys()).toEqual(before)
  })

  it('refuses while a log entry cannot be read, unless that is accepted', async () => {
    writeFileSync(repo.source('directory', 'first'), noise(50_000, 1))
    const { snapshot } = await repo.backup()
    rmSync(repo.source('directory', 'first'))
    await repo.backup()
    await forget(snapshot)
    repo.damage(repo.keys('log/').at(2) ?? '', 100)
    await repo.reopen({ forgetting: true })
    const before = repo.keys()
    await expect(pruneNow()).rejects.toMatchObject({
      code: 'OBJECT_DAMAGED',
      message: expect.stringContaining('log entry 2'),
    })
    expect(repo.keys()).toEqual(before)
    expect((await pruneNow({ acceptDamagedLog: true })).snapshots).toEqual([snapshot])
  })

  it('writes anew what can be read of packs that were set aside', async () => {
    writeFileSync(repo.source('directory', 'first'), noise(50_000, 1))
    await repo.backup()
    const packs = repo.repository.manifest.packs.list().map(({ id }) => id)
    await repo.repository.log.append(() => ({ kind: 'quarantine', packs }))
    expect(await pruneNow()).toMatchObject({ packs: { repacked: 2, added: 2 }, damaged: [] })
    expect(repo.repository.log.state.quarantined.size).toBe(0)
    await expectWhole()
  })

  it('leaves a damaged pack as it is, and names it', async () => {
    for (let file = 0; file < 6; file++)
      writeFileSync(repo.source('directory', `${file}`), noise(60_000, file + 1))
    const { snapshot } = await repo.backup()
    rmSync(repo.source('directory', '0'))
    await repo.backup()
    await forget(snapshot)
    const [data] = repo.repository.manifest.packs.list().filter(({ kind }) => kind === 'data')
    const key = `packs/${data?.id.slice(0, 2)}/${data?.id}`
    const mend = repo.damage(key, 200_000)
    const report = await pruneNow()
    expect(report.damaged.map(({ pack }) => pack)).toEqual([data?.id])
    mend()
    await expectWhole()
  })
})

describe('prune, of delta segments', () => {
  const depths = (): number[] =>
    repo.repository.manifest.packs
      .list('live')
      .filter(({ kind }) => kind === 'data')
      .flatMap(({ no }) => repo.repository.manifest.packs.tableOf(no).map(({ depth }) => depth))
      .sort()

  it('keeps the bases that no snapshot names, as long as one needs what lies over them', async () => {
    const { snapshot, files, packs } = await addDeltaSnapshot(repo.repository, { names: ['deeper'] })
    expect((await pruneNow()).packs).toMatchObject({ dead: 0, repacked: 0 })
    for (const { id } of Object.values(packs)) expect(repo.keys('packs/')).toContain(packKey(id))
    await expectWhole()
    await addDeltaSnapshot(repo.repository, { seed: 2 })
    await forget(snapshot)
    expect((await pruneNow()).packs).toMatchObject({ dead: 4 })
    for (const { id } of Object.values(packs)) expect(repo.keys('packs/')).not.toContain(packKey(id))
    expect(files.deeper.length).toBe(32_768)
    await expectWhole()
  })

  it('carries them over as they are when packs are merged', async () => {
    const added = []
    for (const seed of [1, 2, 3])
      added.push(await addDeltaSnapshot(repo.repository, { seed, names: ['deeper'] }))
    expect((await pruneNow()).packs).toMatchObject({ repacked: 9, added: 1 })
    expect(depths().filter((depth) => depth > 0)).toEqual([1, 1, 1, 2, 2, 2])
    await expectWhole()
    for (const { snapshot, files } of added) {
      const target = join(repo.directory, 'back', snapshot)
      mkdirSync(target, { recursive: true })
      expect((await repo.restore(snapshot, target)).failures).toEqual([])
      expect(readFileSync(join(target, 'deeper'))).toEqual(Buffer.from(files.deeper))
    }
  })

  it('keeps what is needed of one as a difference to the same bases', async () => {
    const { snapshot, files } = await addDeltaSnapshot(repo.repository, {
      names: ['deeper'],
      companion: true,
    })
    expect((await pruneNow()).packs).toMatchObject({ repacked: 1, added: 1 })
    expect(depths()).toEqual([0, 1, 2])
    await expectWhole()
    expect((await pruneNow()).packs).toMatchObject({ dead: 0, repacked: 0 })
    const target = join(repo.directory, 'back')
    mkdirSync(target, { recursive: true })
    expect((await repo.restore(snapshot, target)).failures).toEqual([])
    expect(readFileSync(join(target, 'deeper'))).toEqual(Buffer.from(files.deeper))
  })
})

describe('prune, of delta segments, on a machine that loses a bit while it compresses', () => {
  it('stores none of it, and leaves the pack as it is', async () => {
    const { packs } = await addDeltaSnapshot(repo.repository, { names: ['deeper'], companion: true })
    const zstd = createZstd()
    const flawed: Zstd = {
      ...zstd,
      compressWithDictionary: (source, dictionary, into, at, level) => {
        const wrong = dictionary.map((byte) => byte ^ 1)
        return zstd.compressWithDictionary(
          source.map((byte) => byte ^ 1),
          wrong,
          into,
          at,
          level,
        )
      },
    }
    repo.repository.zstd = () => flawed
    const report = await pruneNow()
    expect(report.damaged.map(({ pack }) => pack)).toEqual([packs.deeper.id])
    expect(repo.keys('packs/')).toContain(packKey(packs.deeper.id))
    await expectWhole()
  })
})

describe('prune, of delta segments that nothing needs', () => {
  const beside = noise(500, 9)

  /** One of the file over bases, in a pack of which a snapshot needs something else. */
  const addIdle = () => addDeltaSnapshot(repo.repository, { chunkBytes: 500, names: [], beside })

  async function expectRestored(contents: Uint8Array): Promise<void> {
    writeFileSync(repo.source('directory', 'again'), contents)
    const { snapshot } = await repo.backup()
    const target = join(repo.directory, 'back')
    mkdirSync(target, { recursive: true })
    expect((await repo.restore(snapshot, target, repo.source())).failures).toEqual([])
    expect(readFileSync(join(target, 'directory', 'again'))).toEqual(Buffer.from(contents))
  }

  it.each([
    ['writes their pack anew, and lets the bases go', {}, { dead: 2, repacked: 1 }],
    ['keeps the bases where it may not copy', { repackBytesMax: 0 }, { dead: 0, repacked: 0 }],
  ])('%s: a backup may rely on all that is listed', async (_, change, packs) => {
    const { files } = await addIdle()
    const request = { unusedShareMax: 1, ...change }
    expect((await pruneNow({ ...request, dryRun: true })).packs).toMatchObject(packs)
    expect((await pruneNow(request)).packs).toMatchObject(packs)
    await expectRestored(files.deeper)
    await expectRestored(files.delta)
    await expectWhole()
  })

  it.each(['base', 'delta'] as const)(
    'goes on where what lies below them is lost already: %s',
    async (name) => {
      const { packs } = await addIdle()
      repo.storage.objects.delete(packKey(packs[name].id))
      const { no } = repo.repository.manifest.packs.byId(packs[name].id)!
      repo.repository.manifest.packs.remove(no)
      const request = { unusedShareMax: 1, repackBytesMax: 0 }
      expect((await pruneNow(request)).packs).toMatchObject({ repacked: 0 })
    },
  )

  it('refuses where a snapshot that was committed meanwhile needs what lies over a lost base', async () => {
    const { manifest } = repo.repository
    const { packs } = await addIdle()
    manifest.packs.remove(manifest.packs.byId(packs.base.id)!.no)
    const rows = manifest.packs.list()
    const chunks = new LiveChunks(manifest, rows)
    for (const { no } of rows) chunks.pin(no)
    expect(chunks.lost.size).toBe(0)
    chunks.need(packs.deeper.segments.at(-1)!.chunkIds)
    expect(chunks.lost.size).toBe(1)
  })

  it('keeps the bases on a full disk', async () => {
    const { files } = await addIdle()
    const { put } = repo.storage
    repo.storage.put = () => Promise.reject(new SnapError('REPOSITORY_FULL', 'no room'))
    await expect(pruneNow({ unusedShareMax: 1 })).rejects.toMatchObject({ code: 'REPOSITORY_FULL' })
    repo.storage.put = put
    await expectRestored(files.deeper)
    await expectWhole()
  })

  it('keeps the bases where a snapshot that was committed meanwhile needs their pack', async () => {
    const { files, snapshot } = await addIdle()
    await forget(snapshot)
    const { create } = repo.storage
    let overtaken = false
    repo.storage.create = async (key, bytes) => {
      if (key.startsWith('log/') && !overtaken) {
        overtaken = true
        await using other = await repo.another()
        writeFileSync(repo.source('directory', 'beside'), beside)
        await other.backup()
      }
      return create.call(repo.storage, key, bytes)
    }
    await pruneNow()
    repo.storage.create = create
    expect(overtaken).toBe(true)
    await expectRestored(files.deeper)
    await expectWhole()
  })

  it('stores again what lies over bases that the storage has lost', async () => {
    const { files, packs } = await addIdle()
    repo.storage.objects.delete(packKey(packs.base.id))
    await expectRestored(files.deeper)
  })

  it('stores again what lies over bases that were set aside', async () => {
    const { files, packs } = await addIdle()
    await repo.repository.log.append(() => ({ kind: 'quarantine', packs: [packs.base.id] }))
    await using other = await repo.another()
    for (const { repository } of [repo, other])
      for (const { id } of Object.values(packs))
        expect(repository.manifest.packs.byId(id)?.state).toBe('quarantined')
    repo.storage.objects.delete(packKey(packs.base.id))
    await expectRestored(files.deeper)
  })
})

describe('prune, on a full disk', () => {
  /** There is room for an entry when the reserve is given up, and for anything when something was removed. */
  function fillStorage(): void {
    const { put, create, remove, releaseReserve } = repo.storage
    const full = () => Promise.reject(new SnapError('REPOSITORY_FULL', 'no room'))
    Object.assign(repo.storage, { put: full, create: full })
    repo.storage.releaseReserve = async () => {
      repo.storage.create = create
      await releaseReserve.call(repo.storage)
    }
    repo.storage.remove = async (key) => {
      await remove.call(repo.storage, key)
      Object.assign(repo.storage, { put, create })
    }
  }

  it('gives up the reserve for the entry, and frees what no snapshot needs', async () => {
    writeFileSync(repo.source('directory', 'first'), noise(300_000, 1))
    const { snapshot } = await repo.backup()
    const going = repo.keys('packs/')
    writeFileSync(repo.source('directory', 'first'), noise(30_000, 2))
    await repo.backup()
    await forget(snapshot)
    fillStorage()
    const report = await pruneNow()
    expect(report).toMatchObject({ snapshots: [snapshot], packs: { dead: going.length } })
    expect(report.bytes.removed).toBeGreaterThan(300_000)
    for (const key of going) expect(repo.keys('packs/')).not.toContain(key)
    await expectWhole()
  })

  it('finds what a snapshot needs that was committed while it filled up', async () => {
    writeFileSync(repo.source('directory', 'first'), noise(300_000, 1))
    writeFileSync(repo.source('directory', 'kept'), noise(300_000, 2))
    const { snapshot } = await repo.backup()
    writeFileSync(repo.source('directory', 'first'), noise(30_000, 3))
    await repo.backup()
    await forget(snapshot)
    const { put, remove } = repo.storage
    repo.storage.put = async (key, parts) => {
      await put.call(repo.storage, key, parts)
      if (!key.startsWith('index/')) return
      repo.storage.put = put
      await using other = await repo.another()
      writeFileSync(repo.source('directory', 'more'), noise(30_000, 4))
      await other.backup()
      repo.storage.put = () => Promise.reject(new SnapError('REPOSITORY_FULL', 'no room'))
    }
    repo.storage.remove = async (key) => {
      await remove.call(repo.storage, key)
      if (key.startsWith('packs/')) repo.storage.put = put
    }
    expect(await pruneNow()).toMatchObject({ snapshots: [snapshot] })
    await expectWhole()
  })
})

describe('prune, with others at work', () => {
  it('spares what a snapshot committed meanwhile needs', async () => {
    writeFileSync(repo.source('directory', 'shared'), noise(300_000, 1))
    const { snapshot } = await repo.backup()
    const shared = readFileSync(repo.source('directory', 'shared'))
    writeFileSync(repo.source('directory', 'shared'), noise(300_000, 2))
    await repo.backup()
    await forget(snapshot)
    const { create } = repo.storage
    let overtaken = false
    repo.storage.create = async (key, bytes) => {
      if (key.startsWith('log/') && !overtaken) {
        overtaken = true
        await using other = await repo.another()
        writeFileSync(repo.source('directory', 'again'), shared)
        await other.backup()
      }
      return create.call(repo.storage, key, bytes)
    }
    const report = await pruneNow()
    repo.storage.create = create
    expect(overtaken).toBe(true)
    expect(report.snapshots).toEqual([snapshot])
    await expectWhole()
  })

  /** A copy of `wanted` that no entry names in the manifest of this client, which makes no backups, and one that all know. */
  async function copiedTwice(other: TestRepository): Promise<SnapshotId> {
    writeFileSync(repo.source('directory', 'wanted'), noise(30_000, 1))
    writeFileSync(repo.source('directory', 'unwanted'), noise(300_000, 2))
    const { snapshot: both } = await other.backup()
    rmSync(repo.source('directory', 'unwanted'))
    const { snapshot } = await other.backup()
    await forget(both)
    const { create } = repo.storage
    repo.storage.create = () => Promise.reject(new Error('killed'))
    await expect(pruneNow()).rejects.toThrow('killed')
    repo.storage.create = create
    expect(repo.repository.manifest.packs.pending()).toHaveLength(1)
    await prune(other.repository, requestOf(), NOBODY_ASKS)
    return snapshot
  }

  it('names the copies of an interrupted prune where they serve a snapshot that was committed meanwhile', async () => {
    await using other = await repo.another()
    const wanted = await copiedTwice(other)
    rmSync(repo.source('directory', 'wanted'))
    await other.backup()
    await forget(wanted)
    const { create } = repo.storage
    let overtaken = false
    repo.storage.create = async (key, bytes) => {
      if (key.startsWith('log/') && !overtaken) {
        overtaken = true
        writeFileSync(repo.source('directory', 'again'), noise(30_000, 1))
        await other.backup()
      }
      return create.call(repo.storage, key, bytes)
    }
    await pruneNow()
    repo.storage.create = create
    expect(overtaken).toBe(true)
    // The index object of the interrupted one is left.
    await expectWhole({ unreferenced: 1 })
  })

  it.each([true, false])(
    'leaves alone what a backup under way stored, whoever commits beside it: %s',
    async (sharesManifest) => {
      await using other = await repo.another({ sharesManifest: true })
      await using pruning = await repo.another({ sharesManifest })
      writeFileSync(repo.source('directory', 'large'), noise(300_000, 1))
      mkdirSync(repo.source('small'))
      writeFileSync(repo.source('small', 'file'), noise(30_000, 2))
      const { put } = repo.storage
      let pruned: PruneReport | undefined
      repo.storage.put = async (key, bytes) => {
        if (key.startsWith('index/') && pruned === undefined) {
          repo.storage.put = put
          const { snapshot } = await other.backup(other.source('small'))
          expect(other.repository.manifest.packs.pending().length).toBeGreaterThan(0)
          rmSync(repo.source('small', 'file'))
          await other.backup(other.source('small'))
          await forget(snapshot)
          pruned = await prune(pruning.repository, requestOf(), NOBODY_ASKS)
        }
        return put.call(repo.storage, key, bytes)
      }
      const collections = repo.repository.log.collections
      await repo.backup(repo.source('directory'))
      expect(pruned?.packs).toMatchObject({ repacked: 0, stray: 0 })
      expect(pruned?.packs.dead).toBeGreaterThan(0)
      expect(repo.repository.log.collections).toBe(collections + 1)
      expect(repo.repository.manifest.runs.unfinished('backup')).toEqual([])
      await expectWhole()
    },
  )

  it('removes what an unfinished backup stored, and another entry names, when it is old', async () => {
    writeFileSync(repo.source('directory', 'large'), noise(300_000, 1))
    const { create } = repo.storage
    repo.storage.create = () => Promise.reject(new Error('killed'))
    await expect(repo.backup(repo.source('directory'))).rejects.toThrow('killed')
    repo.storage.create = create
    mkdirSync(repo.source('small'))
    await repo.backup(repo.source('small'))
    const young = await pruneNow()
    expect(young.packs).toMatchObject({ dead: 0, repacked: 0 })
    expect(young.awaited.packs).toBeGreaterThan(0)
    expect(young.awaited.bytes).toBeGreaterThan(300_000)
    const old = await pruneNow({ strayMs: 0 })
    expect(old.packs.dead).toBe(young.awaited.packs)
    expect(old.awaited.packs).toBe(0)
    await expectWhole()
  })

  it('waits for nobody to take over what a backup of the same sources has taken over and saved', async () => {
    mkdirSync(repo.source('small'))
    writeFileSync(repo.source('directory', 'large'), noise(300_000, 1))
    const { create } = repo.storage
    repo.storage.create = () => Promise.reject(new Error('killed'))
    await expect(repo.backup(repo.source('directory'))).rejects.toThrow('killed')
    repo.storage.create = create
    const { snapshot } = await repo.backup(repo.source('directory'))
    await repo.backup(repo.source('small'))
    await forget(snapshot)
    await using other = await repo.another()
    const elsewhere = await prune(other.repository, requestOf({ dryRun: true }), NOBODY_ASKS)
    expect(elsewhere.packs.dead).toBeGreaterThan(0)
    const here = await pruneNow()
    expect(here.packs.dead).toBe(elsewhere.packs.dead)
    expect(here.awaited).toEqual({
      packs: 0,
      indexes: elsewhere.awaited.indexes,
      bytes: elsewhere.awaited.bytes,
    })
    await expectWhole({ unreferenced: elsewhere.awaited.indexes })
  })

  it('lets nothing go on a full disk whose copies it has no room to name', async () => {
    await using other = await repo.another()
    await copiedTwice(other)
    const { put } = repo.storage
    repo.storage.put = () => Promise.reject(new SnapError('REPOSITORY_FULL', 'no room'))
    await expect(pruneNow()).rejects.toMatchObject({ code: 'REPOSITORY_FULL' })
    repo.storage.put = put
    await expectWhole({ unreferenced: 2 })
  })

  it.each([0, 1])(
    'keeps the sound one of two copies where the other turns out damaged: %i',
    async (which) => {
      writeFileSync(repo.source('directory', 'wanted'), noise(30_000, 1))
      writeFileSync(repo.source('directory', 'unwanted'), noise(300_000, 2))
      const { create } = repo.storage
      const snapshots: SnapshotId[] = []
      repo.storage.create = async (key, bytes) => {
        repo.storage.create = create
        await using other = await repo.another()
        snapshots.push((await other.backup()).snapshot)
        return create.call(repo.storage, key, bytes)
      }
      snapshots.push((await repo.backup()).snapshot)
      rmSync(repo.source('directory', 'unwanted'))
      await repo.backup()
      await forget(...snapshots)
      const packs = repo.repository.manifest.packs.list().filter(({ kind }) => kind === 'data')
      expect(packs).toHaveLength(2)
      const bytes = repo.bytesOf(packKey(packs[which]!.id))
      for (let at = 1_000; at < bytes.length; at += 1_000) bytes[at]! ^= 1
      await pruneNow()
      await expectWhole()
    },
  )

  it('spares what was had back meanwhile', async () => {
    writeFileSync(repo.source('directory', 'first'), noise(300_000, 1))
    const { snapshot } = await repo.backup()
    writeFileSync(repo.source('directory', 'first'), noise(300_000, 2))
    await repo.backup()
    await forget(snapshot)
    const { create } = repo.storage
    let overtaken = false
    repo.storage.create = async (key, bytes) => {
      if (key.startsWith('log/') && !overtaken) {
        overtaken = true
        await using other = await repo.another()
        await other.repository.log.append(() => ({ kind: 'unforget', snapshots: [snapshot] }))
      }
      return create.call(repo.storage, key, bytes)
    }
    expect((await pruneNow()).snapshots).toEqual([])
    repo.storage.create = create
    expect(repo.repository.log.state.snapshots.get(snapshot)?.forgotten).toBeUndefined()
    await expectWhole()
  })

  it('lets a backup that relied on what went store it again', async () => {
    writeFileSync(repo.source('directory', 'first'), noise(300_000, 1))
    const { snapshot } = await repo.backup()
    const first = readFileSync(repo.source('directory', 'first'))
    rmSync(repo.source('directory', 'first'))
    writeFileSync(repo.source('directory', 'second'), noise(30_000, 2))
    await repo.backup()
    await forget(snapshot)
    writeFileSync(repo.source('directory', 'again'), first)
    const { create } = repo.storage
    let overtaken = false
    repo.storage.create = async (key, bytes) => {
      if (key.startsWith('log/') && !overtaken) {
        overtaken = true
        await using other = await repo.another()
        await prune(other.repository, requestOf(), NOBODY_ASKS)
      }
      return create.call(repo.storage, key, bytes)
    }
    await repo.backup()
    repo.storage.create = create
    expect(overtaken).toBe(true)
    await expectWhole()
  })
})

describe('what runs while another client prunes', () => {
  /** The next read of a pack by this client waits until another has pruned. */
  function pruneAtRead(): () => boolean {
    const { read } = repo.storage
    let pruned = false
    repo.storage.read = async (key, range) => {
      if (key.startsWith('packs/') && !pruned) {
        pruned = true
        await using other = await repo.another()
        await prune(other.repository, requestOf(), NOBODY_ASKS)
      }
      return read.call(repo.storage, key, range)
    }
    return () => pruned
  }

  /** Half of the one data pack is needed by the live snapshot, so that a prune writes it anew. */
  async function halfForgotten(): Promise<SnapshotId> {
    for (let file = 0; file < 12; file++)
      writeFileSync(repo.source('directory', `${file}`), noise(60_000, file + 1))
    const { snapshot } = await repo.backup()
    for (let file = 0; file < 6; file++) rmSync(repo.source('directory', `${file}`))
    const { snapshot: live } = await repo.backup()
    await forget(snapshot)
    return live
  }

  it('restores: what lies elsewhere by now is found there', async () => {
    const live = await halfForgotten()
    await repo.reopen()
    const wasPruned = pruneAtRead()
    const target = mkdtempSync(join(tmpdir(), 'snap-prune-'))
    try {
      const result = await repo.restore(live, target)
      expect(wasPruned()).toBe(true)
      expect(result.failures).toEqual([])
      for (let file = 6; file < 12; file++)
        expect(readFileSync(join(target, repo.source('directory', `${file}`)))).toEqual(
          noise(60_000, file + 1),
        )
    } finally {
      rmSync(target, { recursive: true, force: true })
    }
  })

  it('verifies: what was removed meanwhile is no damage', async () => {
    await halfForgotten()
    await repo.reopen()
    const wasPruned = pruneAtRead()
    const ports = { pool: repo.pool(), progress: () => undefined, signal: new AbortController().signal }
    const report = await verify(repo.repository, { data: true }, ports)
    expect(wasPruned()).toBe(true)
    expect(report).toMatchObject({ damages: [], affectedTotal: 0 })
  })

  it('prunes: a pack that the other wrote anew is not damaged, though nothing else is to be said', async () => {
    await halfForgotten()
    await pruneNow({ unusedShareMax: 1 })
    await repo.reopen()
    const wasPruned = pruneAtRead()
    const report = await pruneNow()
    expect(wasPruned()).toBe(true)
    expect(report).toMatchObject({ damaged: [], packs: { repacked: 0, added: 0 } })
    await expectWhole()
  })

  it('backs up: packs that went while it began are not taken for lost', async () => {
    await halfForgotten()
    await repo.reopen()
    const { list } = repo.storage
    let pruned = false
    repo.storage.list = async function* (prefix) {
      if (prefix === 'packs/' && !pruned) {
        pruned = true
        await using other = await repo.another()
        await prune(other.repository, requestOf(), NOBODY_ASKS)
      }
      yield* list.call(repo.storage, prefix)
    }
    writeFileSync(repo.source('directory', 'new'), noise(10_000, 50))
    const { summary } = await repo.backup()
    repo.storage.list = list
    expect(pruned).toBe(true)
    expect(summary).toMatchObject({ filesUnmodified: 6, filesAgain: 0, filesNew: 1 })
    expect(repo.repository.manifest.packs.list('quarantined')).toEqual([])
    await expectWhole()
  })
})
