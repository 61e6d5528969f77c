import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { toHex } from '../../../src/base/bytes.ts'
import { SharedSlots } from '../../../src/base/shared-slots.ts'
import { createTargetFiles } from '../../../src/filesystem/target-files.ts'
import type { PackRow } from '../../../src/manifest/packs-table.ts'
import type { PackId, SnapshotId } from '../../../src/model/ids.ts'
import { DICTIONARY_BYTES_MAX } from '../../../src/model/limits.ts'
import { packKey } from '../../../src/object/object-keys.ts'
import { resolveSnapshotPath } from '../../../src/ops/list.ts'
import { FileRestorer } from '../../../src/ops/restore/file-restorer.ts'
import { RestoreCounter } from '../../../src/ops/restore/report.ts'
import { checkPackData } from '../../../src/ops/verify/check-packs.ts'
import { DeltaSchedule } from '../../../src/ops/verify/delta-schedule.ts'
import { Places } from '../../../src/ops/verify/places.ts'
import { DamageList } from '../../../src/ops/verify/report.ts'
import { type KeptBase, ScheduledDelta } from '../../../src/ops/verify/scheduled-delta.ts'
import { verify } from '../../../src/ops/verify/verify.ts'
import { locateBases } from '../../../src/repository/base-reader.ts'
import { contentBlocks } from '../../../src/repository/content-blocks.ts'
import { readTogether } from '../../../src/repository/read-together.ts'
import { decodeContent } from '../../../src/snapshot/content.ts'
import { DirectoryCache } from '../../../src/workers/directory-cache.ts'
import type { RestoreTask } from '../../../src/workers/restore-task.ts'
import { RestoreWriter } from '../../../src/workers/restore-writer.ts'
import {
  type BaseCopies,
  baseCopies,
  copyBases,
  joinBases,
  sharedBases,
} from '../../../src/workers/shared-bases.ts'
import { createInThreadPool } from '../../../src/workers/task-pool.ts'
import { Chance } from '../../support/builders.ts'
import { SECRET, TestRepository } from '../../support/repository.ts'

const chance = new Chance(64)
const content = chance.bytes(300 * 1024)
let test: TestRepository

beforeEach(async () => {
  test = await TestRepository.create()
  mkdirSync(test.source(), { recursive: true })
  writeFileSync(test.source('image'), content)
  await test.backup()
})
afterEach(async () => await test[Symbol.asyncDispose]())

async function edit(step: number) {
  for (let at = step; at < content.length; at += 20_000) content[at]! ^= 1
  writeFileSync(test.source('image'), content)
  return (await test.backup()).snapshot
}

const dataPacks = (): PackRow[] =>
  test.repository.manifest.packs.list('live').filter(({ kind }) => kind === 'data')

/** The first delta segment, by its pack and number. */
function someDelta(): { pack: number; number: number } {
  const { packs } = test.repository.manifest
  const [pack] = packs.withDeltas().filter((no) => dataPacks().some((data) => data.no === no))
  return { pack: pack!, number: packs.deltasOf(pack!)[0]! }
}

/** Bytes that are read of each data pack while `act` runs, headers of 160 bytes left out. */
async function readWhile(act: () => Promise<unknown>): Promise<Map<string, number>> {
  const bytes = new Map<string, number>()
  const read = test.storage.read.bind(test.storage)
  test.storage.read = async (key, range) => {
    const found = await read(key, range)
    if (found.length !== 160) bytes.set(key, (bytes.get(key) ?? 0) + found.length)
    return found
  }
  await act()
  test.storage.read = read
  return bytes
}

it('fetches no segment a second time for those that it is a base of', async () => {
  await edit(1_000)
  const snapshot = await edit(7_000)
  await test.reopen()
  const target = join(test.directory, 'restored')
  const restored = await readWhile(async () => await test.restore(snapshot, target, test.source()))
  expect(Buffer.compare(readFileSync(join(target, 'image')), content)).toBe(0)
  const verified = await readWhile(async () => {
    await using pool = test.pool()
    const ports = { pool, progress: () => undefined, signal: new AbortController().signal }
    const report = await verify(test.repository, { data: true, secret: SECRET }, ports)
    expect(report.damages).toEqual([])
  })
  const deltas = new Set(test.repository.manifest.packs.withDeltas())
  expect(dataPacks().filter(({ no }) => deltas.has(no)).length).toBeGreaterThan(1)
  for (const { id, bytes } of dataPacks()) {
    expect(restored.get(packKey(id)) ?? 0).toBeLessThan(bytes)
    expect(verified.get(packKey(id))).toBe(bytes)
  }
})

it('marks packs as verified, those with delta segments too, and none that has a damaged one', async () => {
  await edit(1_000)
  const { pack, number } = someDelta()
  const marked: number[] = []
  const check = async (): Promise<void> => {
    await using pool = test.pool()
    const ports = { pool, progress: () => undefined, signal: new AbortController().signal }
    test.now += 1_000
    const { packs } = test.repository.manifest
    const mark = packs.markVerified.bind(packs)
    packs.markVerified = (no, atMs) => {
      marked.push(no)
      return mark(no, atMs)
    }
    await verify(test.repository, { data: true, secret: SECRET }, ports)
  }
  const verifiedNow = () =>
    test.repository.manifest.packs.list('live').filter(({ verifiedMs }) => verifiedMs === test.now)
  await check()
  expect(verifiedNow().length).toBe(test.repository.manifest.packs.list('live').length)
  // Only when the last part of it has been checked.
  expect(marked.length).toBe(verifiedNow().length)
  const row = test.repository.manifest.packs.segmentOf(pack, number)
  const { id } = dataPacks().find(({ no }) => no === pack)!
  test.damage(packKey(id), row!.offset + 20)
  await check()
  expect(verifiedNow().map(({ no }) => no)).not.toContain(pack)
  expect(verifiedNow().length).toBe(test.repository.manifest.packs.list('live').length - 1)
})

let text: Uint8Array

/** A file of many chunks, of which some are edited each day, so that differences rely on places all over the repository. */
async function editDaily(days: number): Promise<SnapshotId> {
  text = chance.text(400 * 1024)
  rmSync(test.source('image'))
  for (let day = 0; ; day += 1) {
    writeFileSync(test.source('text'), text)
    const { snapshot } = await test.backup()
    if (day === days) return snapshot
    for (let edits = 0; edits < 20; edits += 1) text.set(chance.text(20), chance.int(text.length - 20))
  }
}

const deltasIn = (packs: readonly PackRow[]): ScheduledDelta[] =>
  packs.flatMap((pack) =>
    test.repository.manifest.packs.deltasOf(pack.no).map((number) => new ScheduledDelta(pack, number)),
  )

const livePacks = (): PackRow[] => test.repository.manifest.packs.list('live')
const MANY_BYTES = 64 * 1024 * 1024

function scheduleOf(
  deltas: readonly ScheduledDelta[],
  bytes: number,
  packs: readonly PackRow[] | undefined,
  basesBytes = (bytes * 3) / 4,
) {
  const numbers = packs === undefined ? undefined : new Set(packs.map(({ no }) => no))
  const slots = new SharedSlots(bytes)
  return new DeltaSchedule({ repository: test.repository, slots, basesBytes, packs: numbers }, deltas)
}

it('leaves no delta segment out whose bases lie in a pack that never ends', async () => {
  await editDaily(3)
  const packs = livePacks()
  const names = (deltas: readonly ScheduledDelta[]) =>
    deltas.map(({ pack, number }) => `${pack.no}/${number}`).sort()
  const all = names(deltasIn(packs))
  for (const ended of [0, packs.length]) {
    const schedule = scheduleOf(deltasIn(packs), MANY_BYTES, packs)
    const seen = packs.flatMap(({ no }, index) => {
      schedule.begin(no)
      return index < ended ? schedule.end(no, () => true) : []
    })
    expect(names([...seen, ...schedule.rest()])).toEqual(all)
    expect(seen.length > 0).toBe(ended === packs.length)
  }
  expect(all.length).toBeGreaterThan(2)
})

it.each([100_000, 200_000, MANY_BYTES])(
  'keeps each base until all have been checked that need it, in rounds, with %d bytes for them',
  async (bytes) => {
    await editDaily(12)
    const packs = livePacks()
    let left: readonly ScheduledDelta[] = deltasIn(packs)
    const all = left.length
    let rounds = 0
    let checked = 0
    for (; left.length > 0; rounds += 1) {
      const schedule = scheduleOf(left, bytes, rounds === 0 ? packs : undefined)
      const order = rounds === 0 ? packs.map(({ no }) => no) : schedule.packsOfBases().map(({ no }) => no)
      const open: number[] = []
      const check = (ready: readonly ScheduledDelta[]): void => {
        for (const { bases, dictionary } of ready) {
          const joined = joinBases(dictionary!, new Uint8Array(DICTIONARY_BYTES_MAX))
          expect(Buffer.compare(joined!, Buffer.concat(bases.map(contentOf)))).toBe(0)
          checked += 1
        }
        schedule.release(ready)
      }
      for (const no of order) {
        const copies = schedule.begin(no)
        open.push(no)
        // Threads copy at any time until the pack ends, a few packs at once.
        for (const [segment, some] of copies) copyBases(plainOf(no, segment), some)
        if (open.length > chance.int(4)) check(schedule.end(open.shift()!, () => true))
      }
      for (const no of open) check(schedule.end(no, () => true))
      const rest = schedule.rest()
      if (rest.length === left.length) break
      left = rest
    }
    // What is left has more bases than there is memory for at all.
    for (const { bases } of left)
      expect([...new Set(bases)].reduce((sum, base) => sum + base.bytes, 0)).toBeGreaterThan((bytes * 3) / 4)
    expect(checked).toBe(all - left.length)
    expect(checked).toBeGreaterThan(all / 2)
    if (bytes === MANY_BYTES) expect({ rounds, left: left.length }).toEqual({ rounds: 1, left: 0 })
    else expect(rounds).toBeGreaterThan(1)
  },
)

it('gives no room away that a pack may still be copied to, also where more was planned than there is room for', async () => {
  await editDaily(12)
  const packs = livePacks()
  const deltas = deltasIn(packs)
  let all = 0
  for (let bytes = 30_000; bytes < 200_000; bytes += 5_000) all += checkedWith(bytes, deltas, packs)
  expect(all).toBeGreaterThan(deltas.length)
  expect(all).toBeLessThan(20 * deltas.length)
})

/** Delta segments that find their bases, where more is planned than there is room for. */
function checkedWith(bytes: number, deltas: readonly ScheduledDelta[], packs: readonly PackRow[]): number {
  const schedule = scheduleOf(deltas, bytes, packs, Number.POSITIVE_INFINITY)
  const open: { readonly no: number; readonly copies: Map<number, BaseCopies> }[] = []
  let checked = 0
  const endOne = (): void => {
    // Threads are at whatever pack, and each goes through the segments as they lie in it.
    for (const { no, copies } of [...open].reverse())
      for (const [segment, some] of [...copies].sort(([a], [b]) => a - b)) {
        copyBases(plainOf(no, segment), some)
        copies.delete(segment)
      }
    const ready = schedule.end(open.shift()!.no, () => true)
    for (const { bases, dictionary } of ready) {
      const joined = joinBases(dictionary!, new Uint8Array(DICTIONARY_BYTES_MAX))
      expect(Buffer.compare(joined!, Buffer.concat(bases.map(contentOf)))).toBe(0)
      checked += 1
    }
    schedule.release(ready)
  }
  for (const { no } of packs) {
    open.push({ no, copies: new Map(schedule.begin(no)) })
    if (open.length > 3) endOne()
  }
  while (open.length > 0) endOne()
  expect(schedule.rest().length).toBe(deltas.length - checked)
  return checked
}

/** Bytes that differ from place to place, instead of a segment's plaintext. */
function plainOf(pack: number, segment: number): Uint8Array {
  const { plain } = test.repository.manifest.packs.segmentOf(pack, segment)!
  return Uint8Array.from({ length: plain }, (_, at) => (pack * 31 + segment * 7 + at * 13 + (at >> 8)) & 255)
}

const contentOf = ({ pack, segment, offset, bytes }: KeptBase): Uint8Array =>
  plainOf(pack, segment).subarray(offset, offset + bytes)

it.each([30_000, MANY_BYTES])(
  'restores and verifies differences with %d bytes for their bases',
  async (bytes) => {
    const snapshot = await editDaily(12)
    await test.reopen()
    const { repository } = test
    const target = createTargetFiles()
    const place = join(test.directory, 'restored')
    using root = target.openRoot(place)
    using writer = new RestoreWriter(target, root, repository.keys.idKey)
    using directories = new DirectoryCache(root)
    const counter = new RestoreCounter()
    const signal = new AbortController().signal
    const progress = () => undefined
    const restored = await readWhile(async () => {
      const pool = createInThreadPool((task: RestoreTask) => writer.run(task))
      const parts = { repository, pool, target, directories, counter, progress, keepOwner: false, signal }
      const files = new FileRestorer(parts, bytes)
      const entry = (await textOf(snapshot)).entry
      await files.add({ directory: '', path: '/text', entry, replaces: false, clear: undefined })
      await files.flush()
    })
    expect(counter.failures).toEqual([])
    expect(Buffer.compare(readFileSync(join(place, 'text')), text)).toBe(0)

    const packs = livePacks()
    const numbers = packs.map(({ no }) => no)
    const damages = new DamageList()
    await using pool = test.pool()
    const parts = {
      repository,
      pool,
      places: new Places(repository.manifest, numbers),
      damages,
      progress,
      signal,
    }
    const memory = { basesBytes: bytes, sealedBytes: bytes }
    const verified = await readWhile(async () => {
      const { chunks } = await checkPackData(packs, parts, memory)
      const tables = packs.flatMap(({ no }) => repository.manifest.packs.tableOf(no))
      expect(chunks).toBe(tables.reduce((sum, { chunkIds }) => sum + chunkIds.length / 32, 0))
    })
    expect(damages.all()).toEqual([])
    const stored = packs.reduce((sum, pack) => sum + pack.bytes, 0)
    const isRoomy = bytes === MANY_BYTES
    // With room for all, every pack is read once.
    expect(sumOf(verified) === stored).toBe(isRoomy)
    expect(sumOf(restored) < stored).toBe(isRoomy)
  },
)

const sumOf = (bytes: ReadonlyMap<string, number>): number =>
  [...bytes.values()].reduce((sum, some) => sum + some, 0)

async function textOf(snapshot: SnapshotId) {
  const root = decodeContent(test.snapshot(snapshot).root)
  const { at } = await resolveSnapshotPath(test.repository, root, test.source('text'))
  return at!
}

it('copies nothing beyond the end of a segment', () => {
  const slots = new SharedSlots(1_000)
  const slot = slots.take(4)!
  const copies = baseCopies([{ offset: 1, slot }])
  expect(copyBases(Uint8Array.of(1, 2, 3, 4, 5), copies)).toBe(true)
  expect([...slot]).toEqual([2, 3, 4, 5])
  expect(copyBases(Uint8Array.of(1, 2, 3, 4), copies)).toBe(false)
})

it('joins no more bases than there is room for', () => {
  const slots = new SharedSlots(1_000)
  const [first, second] = [slots.take(3)!, slots.take(2)!]
  first.set([1, 2, 3])
  second.set([4, 5])
  const bases = sharedBases([second, first, second])
  expect([...joinBases(bases, new Uint8Array(7))!]).toEqual([4, 5, 1, 2, 3, 4, 5])
  expect(joinBases(bases, new Uint8Array(6))).toBeUndefined()
})

it('reads the chunks of a content in order, each segment once, whatever of it was edited when', async () => {
  const snapshot = await editDaily(12)
  await test.reopen()
  const { entry } = await textOf(snapshot)
  const read = await readWhile(async () => {
    const blocks: Uint8Array[] = []
    for await (const block of contentBlocks(test.repository.chunks, entry.content!))
      if ('bytes' in block) blocks.push(block.bytes)
    expect(Buffer.compare(Buffer.concat(blocks), text)).toBe(0)
  })
  for (const { id, bytes } of dataPacks()) expect(read.get(packKey(id)) ?? 0).toBeLessThan(bytes)
})

it('reads together what can be read, and leaves out what is damaged or lies over what is', async () => {
  const snapshot = await editDaily(4)
  const { entry } = await textOf(snapshot)
  const ids: Uint8Array[] = []
  for await (const item of test.repository.chunks.items(entry.content!))
    if ('chunk' in item) ids.push(item.chunk)
  const whole = await test.repository.chunks.chunks(ids)
  expect([...whole.keys()].sort()).toEqual([...new Set(ids.map(toHex))].sort())
  const { pack, number } = someDelta()
  const { id } = dataPacks().find(({ no }) => no === pack)!
  const { offset } = test.repository.manifest.packs.segmentOf(pack, number)!
  const restore = test.damage(packKey(id), offset + 20)
  await test.reopen()
  const others = await test.repository.chunks.chunks(ids)
  const isThere = (chunk: Uint8Array): boolean => {
    const place = test.repository.manifest.chunks.locate(chunk)
    return place?.pack !== pack || place.segment !== number
  }
  expect(others.size).toBeLessThan(whole.size)
  expect([...others.keys()].sort()).toEqual([...new Set(ids.filter(isThere).map(toHex))].sort())
  restore()
  // A base of it.
  const [base] = locateBases(test.repository, pack, number)!
  const under = dataPacks().find(({ no }) => no === base!.pack)!
  test.damage(
    packKey(under.id),
    test.repository.manifest.packs.segmentOf(under.no, base!.segment)!.offset + 20,
  )
  await test.reopen()
  const still = await test.repository.chunks.chunks(ids)
  expect(still.size).toBeLessThan(whole.size)
  for (const [name, bytes] of still) expect(Buffer.compare(bytes, whole.get(name)!)).toBe(0)
})

it('holds chunks that are read together against their ids', async () => {
  const id = new Uint8Array(32).fill(7)
  const place = {
    packId: '00' as PackId,
    pack: 1,
    segment: 0,
    offset: 0,
    bytes: 4,
    depth: 0,
    trusted: true,
    live: true,
  }
  const found = async (isRight: boolean) =>
    await readTogether(
      {
        locate: () => place,
        basesOf: () => new Uint8Array(0),
        segment: async () => new Uint8Array(4),
        matches: () => isRight,
      },
      [id],
    )
  expect((await found(true)).get(toHex(id))?.length).toBe(4)
  expect((await found(false)).size).toBe(0)
})
