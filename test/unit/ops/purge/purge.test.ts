import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SnapshotId } from '../../../../src/model/ids.ts'
import { type CurrentSnapshot, snapshotsReader } from '../../../../src/ops/current-snapshots.ts'
import { find } from '../../../../src/ops/find/find.ts'
import { forgetByIds, forgetByPolicy } from '../../../../src/ops/forget/forget.ts'
import { setHeld } from '../../../../src/ops/hold.ts'
import { prune } from '../../../../src/ops/prune/prune.ts'
import { estimate } from '../../../../src/ops/purge/evidence.ts'
import { planPurge } from '../../../../src/ops/purge/plan.ts'
import { type PurgeReport, purge } from '../../../../src/ops/purge/purge.ts'
import { changeTags } from '../../../../src/ops/tag.ts'
import { verify } from '../../../../src/ops/verify/verify.ts'
import { decodeContent } from '../../../../src/snapshot/content.ts'
import type { Entry } from '../../../../src/snapshot/entry.ts'
import { addDeltaSnapshot } from '../../../support/delta-repository.ts'
import { TestRepository } from '../../../support/repository.ts'
import { seededBytes } from '../../../support/tree.ts'

const DAY_MS = 86_400_000
const signal = new AbortController().signal
const quiet = { progress: () => undefined, signal }
let repo: TestRepository

beforeEach(async () => {
  repo = await TestRepository.create()
  mkdirSync(repo.source('directory', 'deep'), { recursive: true })
  mkdirSync(repo.source('other'))
})
afterEach(() => repo[Symbol.asyncDispose]())

const options = (...paths: string[]) => ({
  paths: paths.map((text) => ({ text, isGlob: text.includes('*') })),
  concerns: () => true,
  undoMs: 14 * DAY_MS,
  strayMs: 7 * DAY_MS,
  acceptDamagedLog: false,
})

const purgeNow = (...paths: string[]): Promise<PurgeReport> =>
  purge(repo.repository, options(...paths), quiet)

const write = (seed: number, bytes: number, ...names: string[]): void =>
  writeFileSync(repo.source(...names), seededBytes(bytes, seed))

async function forget(...snapshots: SnapshotId[]): Promise<void> {
  await repo.repository.log.append(() => ({ kind: 'forget', snapshots }))
}

const all = async (): Promise<CurrentSnapshot[]> =>
  (await snapshotsReader(repo.repository))(repo.repository.log.state)

/** Paths of all entries, with the entries. */
async function entriesOf(id: SnapshotId): Promise<Map<string, Entry>> {
  const { trees } = repo.repository
  const found = new Map<string, Entry>()
  const walk = async (root: Uint8Array | undefined, content = decodeContent(root!), path = '') => {
    for (const entry of (await trees.tree(content)).entries) {
      found.set(`${path}/${entry.name}`, entry)
      if (entry.type === 'dir' && entry.content !== undefined)
        await walk(undefined, entry.content, `${path}/${entry.name}`)
    }
  }
  await walk(repo.snapshot(id).root)
  return found
}

/** Every chunk of every pack in the storage, decoded, and every kept byte of the manifest's files. */
async function everything(): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for (const { no } of repo.repository.manifest.packs.list()) {
    for (const { chunkIds } of repo.repository.manifest.packs.tableOf(no)) {
      for (let at = 0; at < chunkIds.length; at += 32)
        parts.push(await repo.repository.chunks.chunk(chunkIds.slice(at, at + 32)))
    }
  }
  return Buffer.concat([...parts, ...manifestFiles()])
}

function manifestFiles(): Buffer[] {
  return ['', '-wal'].map((suffix) => {
    try {
      return readFileSync(repo.repository.manifestPath + suffix)
    } catch {
      return Buffer.alloc(0)
    }
  })
}

async function expectWhole(): Promise<void> {
  for (const forgetting of [false, true]) {
    await repo.reopen({ forgetting })
    const report = await verify(repo.repository, { data: true }, { pool: repo.pool(), ...quiet })
    expect(report).toMatchObject({ damages: [], affectedTotal: 0, unreferenced: 0 })
  }
}

describe('purge', () => {
  it('takes a file out of all snapshots and leaves no chunk that only it needed', async () => {
    write(1, 200_000, 'directory', 'keep')
    write(2, 200_000, 'directory', 'unmentionable')
    const { snapshot: first } = await repo.backup()
    write(3, 200_000, 'directory', 'unmentionable')
    const { snapshot: second } = await repo.backup()
    write(4, 50_000, 'other', 'more')
    await find(
      repo.repository,
      {
        patterns: ['*'],
        ignoreCase: false,
        type: undefined,
        notBefore: undefined,
        notAfter: undefined,
        newestOnly: false,
        snapshots: (await all()).map((one) => ({
          ...one,
          time: one.timeMs,
          hostname: one.host,
          label: undefined,
          root: repo.snapshot(one.id).root,
        })),
      },
      quiet,
    )
    const before = new Map([...(await entriesOf(first))])
    expect((await everything()).includes('unmentionable')).toBe(true)
    const path = repo.source('directory', 'unmentionable')
    const report = await purgeNow(path)
    expect(report.snapshots).toMatchObject([
      { original: { id: first }, files: 1, bytes: 200_000, directories: 0 },
      { original: { id: second }, files: 1, bytes: 200_000, directories: 0 },
    ])
    expect(report.chunks.unique).toBeGreaterThan(8)
    expect(report.chunks.uniqueBytes).toBeGreaterThan(400_000)
    expect(report.proof).toEqual({ left: 0, leftIn: [], neededAgain: 0, unknownPacks: 0 })
    expect(report).toMatchObject({ isManifestClean: true, madeMeanwhile: [], unmatched: [] })
    const rest = await everything()
    expect(rest.includes('unmentionable')).toBe(false)
    for (const seed of [2, 3])
      expect(rest.includes(seededBytes(200_000, seed).subarray(1000, 1032))).toBe(false)
    expect(rest.includes(seededBytes(200_000, 1).subarray(1000, 1032))).toBe(true)
    const copies = report.snapshots.map(({ copy }) => copy)
    expect((await all()).map(({ id }) => id)).toEqual(copies)
    const after = await entriesOf(copies[0]!)
    before.delete(path)
    expect([...after.keys()]).toEqual([...before.keys()])
    for (const [name, entry] of after) {
      const { content: _, ...now } = entry
      const { content: __, ...then } = before.get(name)!
      expect(now).toEqual(then)
    }
    expect(after.get(repo.source('other'))).toEqual(before.get(repo.source('other')))
    expect(after.get(repo.source('directory', 'keep'))).toEqual(before.get(repo.source('directory', 'keep')))
    await expectWhole()
  })

  it('writes packs anew however little of them goes', async () => {
    write(1, 900_000, 'directory', 'keep')
    write(2, 2_000, 'directory', 'small')
    await repo.backup()
    const data = repo.repository.manifest.packs.list().find(({ kind }) => kind === 'data')
    const report = await purgeNow(repo.source('directory', 'small'))
    expect(report.proof.left).toBe(0)
    expect(repo.keys('packs/').join()).not.toContain(data?.id)
    expect((await everything()).includes(seededBytes(2_000, 2).subarray(0, 32))).toBe(false)
    await expectWhole()
  })

  it('keeps time, series, tags, label and place, and says what the copy was made from', async () => {
    write(1, 9_000, 'directory', 'gone')
    const { snapshot } = await repo.backup()
    await changeTags(repo.repository, [snapshot], { set: ['a', 'b'] })
    const [before] = await all()
    write(2, 9_000, 'other', 'later')
    await repo.backup()
    const report = await purgeNow(repo.source('directory', 'gone'))
    const { id: _, ...rest } = before!
    const copy = (await all()).find(({ original }) => original === snapshot)
    expect(copy).toMatchObject({ ...rest, original: snapshot, id: report.snapshots[0]?.copy })
    expect(copy?.id).not.toBe(snapshot)
    expect((await all()).map(({ number }) => number)).toEqual([before!.number, before!.number + 2])
    const row = repo.repository.manifest.snapshots.byPrefix(copy!.id)[0]
    expect(row?.summary).toMatchObject({ total_files_processed: 0, total_bytes_processed: 0 })
    await expectWhole()
  })

  it('counts the chunks that other files need too, and leaves them', async () => {
    write(1, 100_000, 'directory', 'twin')
    write(1, 100_000, 'other', 'twin')
    await repo.backup()
    const plan = await planPurge(repo.repository, options(repo.source('other')), quiet)
    const guess = await estimate(repo.repository, options(repo.source('other')).paths, plan, signal)
    const report = await purgeNow(repo.source('other'))
    expect(report.chunks.shared).toBeGreaterThan(0)
    expect(report.chunks.unique).toBeLessThan(8)
    expect(guess).toEqual(report.chunks)
    expect(report.snapshots).toMatchObject([{ files: 1, directories: 1, bytes: 100_000 }])
    expect((await entriesOf(report.snapshots[0]!.copy)).has(repo.source('directory', 'twin'))).toBe(true)
    await expectWhole()
  })

  it('takes a whole source, and by globs, and leaves the directories that lead there', async () => {
    write(1, 20_000, 'directory', 'deep', 'a.log')
    write(2, 20_000, 'directory', 'b.log')
    write(3, 20_000, 'other', 'c')
    await repo.backup()
    const byGlob = await purgeNow('**/*.log')
    expect(byGlob.snapshots).toMatchObject([{ files: 2, directories: 0, bytes: 40_000 }])
    const left = await entriesOf(byGlob.snapshots[0]!.copy)
    expect(left.has(repo.source('directory', 'deep'))).toBe(true)
    const whole = await purgeNow(repo.source())
    expect(whole.snapshots).toMatchObject([{ files: 1, directories: 4, bytes: 20_000 }])
    expect(whole.proof.left).toBe(0)
    expect([...(await entriesOf(whole.snapshots[0]!.copy)).keys()].at(-1)).toBe(repo.directory)
    const [copy] = await all()
    expect(copy).toMatchObject({ paths: [repo.source()], original: byGlob.snapshots[0]!.copy })
    await expectWhole()
  })

  it('treats held and forgotten snapshots as the others, and they stay what they are', async () => {
    write(1, 30_000, 'directory', 'gone')
    const { snapshot: held } = await repo.backup()
    const { snapshot: forgotten } = await repo.backup()
    await repo.backup()
    await repo.repository.log.append(() => ({ kind: 'hold', snapshots: [held] }))
    await forget(forgotten)
    const report = await purgeNow(repo.source('directory', 'gone'))
    expect(report.snapshots).toHaveLength(3)
    expect((await all()).map((one) => [one.held, one.forgotten])).toEqual([
      [true, false],
      [false, true],
      [false, false],
    ])
    expect(report.proof.left).toBe(0)
    await expectWhole()
  })

  it('leaves other forgotten snapshots as they are while they can be had back', async () => {
    write(1, 30_000, 'directory', 'gone')
    await repo.backup()
    const { snapshot: other } = await repo.backup(repo.source('other'))
    await forget(other)
    await purgeNow(repo.source('directory', 'gone'))
    expect(repo.repository.log.state.snapshots.has(other)).toBe(true)
  })

  it('concerns only the snapshots that it is told to', async () => {
    write(1, 30_000, 'directory', 'gone')
    const { snapshot: first } = await repo.backup()
    await repo.backup(repo.source('directory'))
    const path = repo.source('directory', 'gone')
    const concerns = ({ id }: CurrentSnapshot): boolean => id !== first
    const report = await purge(repo.repository, { ...options(path), concerns }, quiet)
    expect(report.snapshots).toHaveLength(1)
    expect(report.chunks.shared).toBeGreaterThan(0)
    expect((await entriesOf(first)).has(path)).toBe(true)
    await expectWhole()
  })

  it('refuses what is nowhere, what is everything, and keys that are no admin’s', async () => {
    write(1, 30_000, 'directory', 'file')
    await repo.backup()
    const before = repo.keys()
    await expect(purgeNow('/nowhere')).rejects.toMatchObject({ code: 'PATH_UNKNOWN' })
    await expect(purgeNow(repo.source('directory'), '/nowhere')).rejects.toMatchObject({
      code: 'PATH_UNKNOWN',
    })
    for (const path of ['/', '**', '*', '/*', '**/**'])
      await expect(purgeNow(path)).rejects.toMatchObject({ code: 'USAGE' })
    expect(repo.keys()).toEqual(before)
  })

  it('does not believe a writer who names an original', async () => {
    write(1, 30_000, 'directory', 'file')
    const { snapshot } = await repo.backup()
    const [before] = await all()
    await purgeNow(repo.source('directory', 'file'))
    const { state } = repo.repository.log
    const copy = [...state.snapshots.values()][0]!
    const grant = state.keys.get(copy.author)!
    const asWriter = { ...state, keys: new Map([[copy.author, { ...grant, role: 'writer' as const }]]) }
    const [forged] = (await snapshotsReader(repo.repository))(asWriter)
    expect(forged).toMatchObject({ original: undefined, number: copy.number })
    expect((await all())[0]).toMatchObject({ original: snapshot, number: before?.number })
  })

  it('writes delta segments out in full whose base goes', async () => {
    const { files, packs } = await addDeltaSnapshot(repo.repository)
    const report = await purgeNow('/base')
    expect(report.chunks).toMatchObject({ unique: 2, shared: 0 })
    expect(report.proof).toMatchObject({ left: 0, unknownPacks: 0 })
    expect(repo.keys('packs/').join()).not.toContain(packs.base.id)
    const entries = await entriesOf(report.snapshots[0]!.copy)
    for (const name of ['delta', 'deeper'] as const) {
      const { content } = entries.get(`/${name}`)!
      const [item] = [content!.items.slice(1)]
      expect(Buffer.from(await repo.repository.chunks.chunk(item)).equals(files[name])).toBe(true)
    }
    const again = await purgeNow('/delta')
    expect(again.proof.left).toBe(0)
    await expectWhole()
    const last = await entriesOf(again.snapshots[0]!.copy)
    expect([...last.keys()]).toEqual(['/deeper'])
  })

  it('goes on with snapshots that are made meanwhile', async () => {
    write(1, 30_000, 'directory', 'gone')
    await repo.backup()
    const { create } = repo.storage
    let made = 0
    repo.storage.create = async (key, bytes) => {
      if (key.startsWith('log/') && made === 0) {
        made += 1
        await using other = await repo.another()
        await other.backup()
      }
      return create.call(repo.storage, key, bytes)
    }
    const report = await purgeNow(repo.source('directory', 'gone'))
    repo.storage.create = create
    expect(report.snapshots).toHaveLength(2)
    expect(report.proof.left).toBe(0)
    for (const { id } of await all())
      expect((await entriesOf(id)).has(repo.source('directory', 'gone'))).toBe(false)
    await expectWhole()
  })

  it('makes no copy of what was forgotten and pruned before it began to', async () => {
    write(1, 30_000, 'directory', 'gone')
    write(2, 30_000, 'directory', 'early')
    const { snapshot } = await repo.backup()
    write(3, 30_000, 'directory', 'early')
    await repo.backup()
    const { list } = repo.storage
    repo.storage.list = async function* (prefix) {
      repo.storage.list = list
      await using other = await repo.another()
      await forgetByIds(other.repository, [snapshot], { dryRun: false, evenLast: false })
      const now = { unusedShareMax: 0, repackBytesMax: Number.POSITIVE_INFINITY, undoMs: 0, strayMs: 0 }
      await prune(other.repository, { ...now, dryRun: false }, quiet)
      yield* list.call(repo.storage, prefix)
    }
    const report = await purgeNow(repo.source('directory', 'gone'))
    expect(report.snapshots.map(({ original }) => original.id)).not.toContain(snapshot)
    expect((await all()).filter(({ forgotten }) => !forgotten)).toHaveLength(1)
    await expectWhole()
  })

  /** Runs a purge; right before its log entry `at`, another client does `act`. */
  async function purgeWith(at: number, act: (other: TestRepository) => Promise<unknown>): Promise<number> {
    const { create } = repo.storage
    let entries = 0
    let isActing = false
    repo.storage.create = async (key, bytes) => {
      if (key.startsWith('log/') && !isActing && entries++ === at) {
        isActing = true
        await using other = await repo.another()
        await act(other)
        isActing = false
      }
      return create.call(repo.storage, key, bytes)
    }
    try {
      await purgeNow(repo.source('directory', 'gone'))
    } finally {
      repo.storage.create = create
    }
    return entries
  }

  async function expectPurged(times: readonly number[]): Promise<void> {
    await repo.repository.log.follow()
    const live = (await all()).filter(({ forgotten }) => !forgotten)
    expect(live.map(({ timeMs }) => timeMs)).toEqual(times)
    for (const { id } of live) expect((await entriesOf(id)).has(repo.source('directory', 'gone'))).toBe(false)
    await expectWhole()
  }

  it('a policy leaves what it would have left, wherever it comes in between', async () => {
    write(1, 30_000, 'directory', 'gone')
    for (let day = 0; day < 4; day++) {
      repo.now += DAY_MS
      await repo.backup()
    }
    const newest = (await all()).slice(-2).map(({ timeMs }) => timeMs)
    const policy = { counts: { last: 2 }, timeZone: 'UTC' }
    const request = { policy, groupBy: ['series'] as const, concerns: () => true }
    const saved = new Map(repo.storage.objects)
    let at = 0
    for (; ; at++) {
      repo.storage.objects.clear()
      for (const [key, object] of saved) repo.storage.objects.set(key, object)
      await repo.reopen({ forgetting: true })
      const entries = await purgeWith(at, ({ repository }) =>
        forgetByPolicy(repository, request, { dryRun: false }),
      )
      if (entries <= at) break
      await expectPurged(newest)
    }
    expect(at).toBeGreaterThan(5)
  })

  it('makes a new copy where somebody forgets one whose original is live', async () => {
    write(1, 30_000, 'directory', 'gone')
    repo.now += DAY_MS
    await repo.backup()
    repo.now += DAY_MS
    await repo.backup()
    const times = (await all()).map(({ timeMs }) => timeMs)
    let forgotten: SnapshotId | undefined
    await purgeWith(2, async ({ repository }) => {
      const current = (await snapshotsReader(repository))(repository.log.state)
      forgotten = current.find(({ original }) => original !== undefined)!.id
      await forgetByIds(repository, [forgotten], { dryRun: false, evenLast: false })
    })
    expect(repo.repository.log.state.snapshots.get(forgotten!)?.forgotten).toBeDefined()
    await expectPurged(times)
  })

  it.each([1, 2])(
    'keeps tags that an original is given while it is replaced: before its entry %i',
    async (at) => {
      write(1, 30_000, 'directory', 'gone')
      const { snapshot } = await repo.backup()
      await using other = await repo.another()
      const { create } = repo.storage
      let entries = 0
      repo.storage.create = async (key, bytes) => {
        if (key.startsWith('log/') && ++entries === at)
          await changeTags(other.repository, [snapshot], { set: ['meanwhile'] })
        return create.call(repo.storage, key, bytes)
      }
      const report = await purgeNow(repo.source('directory', 'gone'))
      repo.storage.create = create
      expect(entries).toBeGreaterThan(2)
      expect((await all()).map(({ id, tags }) => [id, tags])).toEqual([
        [report.snapshots[0]!.copy, ['meanwhile']],
      ])
      const again = await repo.repository.log.follow()
      expect(again).toEqual([])
    },
  )

  it.each([2, 3, 4, 5])(
    'keeps the last of the tags that an original is given again and again: before its entries 1 and %i',
    async (at) => {
      write(1, 30_000, 'directory', 'gone')
      const { snapshot } = await repo.backup()
      await using other = await repo.another()
      const { create } = repo.storage
      let entries = 0
      let last = ''
      let isOther = false
      repo.storage.create = async (key, bytes) => {
        if (!isOther && key.startsWith('log/') && [1, at].includes(++entries)) {
          isOther = true
          await other.repository.log.follow()
          if (other.repository.log.state.snapshots.get(snapshot)?.forgotten === undefined) {
            last = `tag ${entries}`
            await changeTags(other.repository, [snapshot], { set: [last] })
          }
          isOther = false
        }
        return create.call(repo.storage, key, bytes)
      }
      await purgeNow(repo.source('directory', 'gone'))
      repo.storage.create = create
      expect((await all()).map(({ tags }) => tags)).toEqual([[last]])
    },
  )

  it.each([1, 2, 3, 4, 5])(
    'keeps a hold and tags that an original is given beside one that was held before: before its entry %i',
    async (at) => {
      write(1, 30_000, 'directory', 'gone')
      const { snapshot: held } = await repo.backup()
      const { snapshot } = await repo.backup()
      await repo.repository.log.append(() => ({ kind: 'hold', snapshots: [held] }))
      await using other = await repo.another()
      const { create } = repo.storage
      let entries = 0
      repo.storage.create = async (key, bytes) => {
        if (key.startsWith('log/') && ++entries === at) {
          await other.repository.log.follow()
          if (other.repository.log.state.snapshots.get(snapshot)?.forgotten === undefined) {
            await changeTags(other.repository, [snapshot], { set: ['meanwhile'] })
            await setHeld(other.repository, [snapshot], true)
          }
        }
        return create.call(repo.storage, key, bytes)
      }
      await purgeNow(repo.source('directory', 'gone'))
      repo.storage.create = create
      expect(entries).toBeGreaterThan(5)
      expect((await all()).map(({ held, tags }) => ({ held, tags }))).toEqual([
        { held: true, tags: [] },
        { held: true, tags: ['meanwhile'] },
      ])
      await expectWhole()
    },
  )

  it.each([1, 2, 3, 4])(
    'takes what others prune while it looks and copies for gone, not for damaged: at read %i',
    async (at) => {
      write(1, 30_000, 'directory', 'gone')
      const { snapshot: first } = await repo.backup()
      write(2, 30_000, 'directory', 'gone')
      const { snapshot: second } = await repo.backup()
      await forget(first)
      await repo.reopen({ forgetting: true })
      const { read } = repo.storage
      let reads = 0
      repo.storage.read = async (key, range) => {
        if (key.startsWith('packs/') && ++reads === at) {
          await using other = await repo.another()
          const once = {
            unusedShareMax: 0,
            repackBytesMax: Infinity,
            undoMs: 0,
            strayMs: 7 * DAY_MS,
            dryRun: false,
          }
          await prune(other.repository, once, quiet)
        }
        return read.call(repo.storage, key, range)
      }
      const report = await purgeNow(repo.source('directory', 'gone'))
      repo.storage.read = read
      expect(reads).toBeGreaterThan(4)
      expect(report.snapshots.map(({ original }) => original.id)).toContain(second)
      expect(repo.repository.log.state.snapshots.has(first)).toBe(false)
      await expectWhole()
    },
  )

  it('comes to the same end wherever it was killed and run again', async () => {
    write(1, 60_000, 'directory', 'keep')
    write(2, 60_000, 'directory', 'gone')
    const { snapshot: held } = await repo.backup()
    const { snapshot: forgotten } = await repo.backup()
    await repo.backup()
    await repo.repository.log.append(() => ({ kind: 'hold', snapshots: [held] }))
    await forget(forgotten)
    const path = repo.source('directory', 'gone')
    const saved = new Map(repo.storage.objects)
    let steps = 0
    for (let killAt = 0; ; killAt++) {
      repo.storage.objects.clear()
      for (const [key, object] of saved) repo.storage.objects.set(key, object)
      await repo.reopen({ forgetting: true })
      const { put, create, remove } = repo.storage
      let done = 0
      const dying =
        <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
        async (...args: A): Promise<R> => {
          if (done++ >= killAt) throw new Error('killed')
          return call.apply(repo.storage, args)
        }
      Object.assign(repo.storage, { put: dying(put), create: dying(create), remove: dying(remove) })
      const ended = await purgeNow(path).then(
        () => true,
        (error) => {
          if (String(error).includes('killed')) return false
          throw error
        },
      )
      Object.assign(repo.storage, { put, create, remove })
      await repo.reopen({ forgetting: killAt % 2 === 1 })
      if (!ended) {
        // On another machine nothing tells that something is left to be done once the originals are gone.
        const again = await purgeNow(path).catch((error) => error)
        if (again.code !== 'PATH_UNKNOWN') expect(again.proof).toMatchObject({ left: 0 })
        else expect([...repo.repository.log.state.snapshots.keys()]).not.toContain(held)
      }
      expect((await all()).map((one) => [one.held, one.forgotten])).toEqual([
        [true, false],
        [false, true],
        [false, false],
      ])
      for (const { id } of await all()) {
        const entries = await entriesOf(id)
        expect([entries.has(path), entries.has(repo.source('directory', 'keep'))]).toEqual([false, true])
      }
      steps += 1
      if (ended) break
    }
    expect(steps).toBeGreaterThan(8)
    await expectWhole()
  }, 60_000)

  it('says what is left where a damaged pack had to stay', async () => {
    for (let file = 0; file < 4; file++) write(file + 1, 60_000, 'directory', `${file}`)
    await repo.backup()
    const [data] = repo.repository.manifest.packs.list().filter(({ kind }) => kind === 'data')
    repo.damage(join('packs', data!.id.slice(0, 2), data!.id), 200_000)
    const report = await purgeNow(repo.source('directory', '0'))
    expect(report.prune.damaged.map(({ pack }) => pack)).toEqual([data?.id])
    expect(report.proof.left).toBeGreaterThan(0)
    expect(report.proof.leftIn).toEqual([data?.id])
  })
})
