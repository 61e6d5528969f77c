import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { PackRow } from '../../../src/manifest/packs-table.ts'
import { DICTIONARY_BYTES_MAX } from '../../../src/model/limits.ts'
import { packKey } from '../../../src/object/object-keys.ts'
import { DeltaSchedule } from '../../../src/ops/verify/delta-schedule.ts'
import { verify } from '../../../src/ops/verify/verify.ts'
import { DictionaryRooms } from '../../../src/repository/gathered-bases.ts'
import { copyBases } from '../../../src/workers/base-copies.ts'
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
  for (const { no, id, bytes } of dataPacks()) {
    expect(restored.get(packKey(id)) ?? 0).toBeLessThan(bytes)
    // Delta segments are fetched again when their bases are there.
    expect(verified.get(packKey(id))).toBeLessThanOrEqual(deltas.has(no) ? 2 * bytes : bytes)
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

it('leaves no delta segment out whose bases lie in a pack that never ends', async () => {
  await edit(1_000)
  const packs = test.repository.manifest.packs.list('live')
  const all = packs.flatMap(({ no }) =>
    test.repository.manifest.packs.deltasOf(no).map((number) => `${no}/${number}`),
  )
  for (const ended of [0, packs.length]) {
    const schedule = new DeltaSchedule(test.repository, packs)
    const seen = packs.flatMap(({ no }, index) => {
      schedule.begin(no)
      return index < ended ? schedule.end(no, () => true) : []
    })
    const names = [...seen, ...schedule.rest()].map(({ pack, number }) => `${pack.no}/${number}`)
    expect(names.sort()).toEqual([...all].sort())
    expect(seen.length > 0).toBe(ended === packs.length)
  }
  expect(all.length).toBeGreaterThan(0)
})

it('gathers as many dictionaries as there is room for, and again where one was released', async () => {
  await edit(1_000)
  const { pack, number } = someDelta()
  const rooms = new DictionaryRooms(DICTIONARY_BYTES_MAX)
  const gathered = []
  for (;;) {
    const dictionary = rooms.gather(test.repository, pack, number)
    if (dictionary === undefined) break
    gathered.push(dictionary)
  }
  expect(gathered.length).toBeGreaterThan(0)
  expect(gathered.reduce((sum, { room }) => sum + room.byteLength, 0)).toBeLessThanOrEqual(
    DICTIONARY_BYTES_MAX,
  )
  expect(new Set(gathered.map(({ room }) => room)).size).toBe(gathered.length)
  const [first] = gathered
  expect(first!.bytes.length).toBe(first!.bases.reduce((sum, { place }) => sum + place.bytes, 0))
  rooms.release(first!)
  expect(rooms.gather(test.repository, pack, number)?.room).toBe(first!.room)
  expect(rooms.gather(test.repository, pack, number)).toBeUndefined()
})

it('copies nothing beyond the end of a segment', () => {
  const into = new Uint8Array(new SharedArrayBuffer(4))
  expect(copyBases(Uint8Array.of(1, 2, 3, 4, 5), [{ offset: 1, into }])).toBe(true)
  expect([...into]).toEqual([2, 3, 4, 5])
  expect(copyBases(Uint8Array.of(1, 2, 3, 4), [{ offset: 1, into }])).toBe(false)
})
