import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SegmentRow } from '../../../../src/model/pack-table.ts'
import { packKey } from '../../../../src/object/object-keys.ts'
import { Chance } from '../../../support/builders.ts'
import { TestRepository } from '../../../support/repository.ts'

let test: TestRepository
const chance = new Chance(61)

beforeEach(async () => {
  test = await TestRepository.create()
  mkdirSync(test.source(), { recursive: true })
})
afterEach(async () => await test[Symbol.asyncDispose]())

const KIB = 1024

function write(name: string, bytes: Uint8Array): void {
  writeFileSync(test.source(name), bytes)
}

/** Another byte at so many places. */
function edited(bytes: Uint8Array, places: number): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(bytes)
  for (let edit = 0; edit < places; edit++) {
    const at = chance.int(copy.length)
    copy[at] = (copy[at] ?? 0) ^ (1 + chance.int(255))
  }
  return copy
}

/** All segments, by pack. */
function segments(): SegmentRow[] {
  const { packs } = test.repository.manifest
  return packs.list('live').flatMap(({ no }) => packs.tableOf(no))
}
const deltas = (): SegmentRow[] => segments().filter(({ depth }) => depth > 0)

let restores = 0
async function expectRestored(
  id: Parameters<TestRepository['restore']>[0],
  files: Record<string, Uint8Array>,
) {
  restores += 1
  const target = join(test.directory, `restored-${restores}`)
  await test.restore(id, target, test.source())
  for (const [name, bytes] of Object.entries(files))
    expect(Buffer.compare(readFileSync(join(target, name)), bytes), name).toBe(0)
  rmSync(target, { recursive: true })
}

describe('a backup of what was edited', () => {
  it('stores the edit, not what surrounds it, and restores both versions', async () => {
    const first = chance.bytes(600 * KIB)
    write('image', first)
    const before = await test.backup()
    const storedFirst = test.repository.manifest.packs.list().reduce((sum, { bytes }) => sum + bytes, 0)
    const second = edited(first, 20)
    write('image', second)
    const after = await test.backup()
    expect(deltas().length).toBeGreaterThan(0)
    const stored = test.repository.manifest.packs.list().reduce((sum, { bytes }) => sum + bytes, 0)
    // Twenty chunks of some 4 KiB, which do not compress, would take 80 KiB.
    expect(stored - storedFirst).toBeLessThan(16 * KIB)
    await expectRestored(before.snapshot, { image: first })
    await expectRestored(after.snapshot, { image: second })
  })

  it('of many files puts the edits of several into one segment', async () => {
    const files: Record<string, Uint8Array> = {}
    for (let file = 0; file < 30; file++) files[`file-${file}`] = chance.bytes(3 * KIB)
    for (const [name, bytes] of Object.entries(files)) write(name, bytes)
    await test.backup()
    for (const [name, bytes] of Object.entries(files)) {
      files[name] = edited(bytes, 2)
      write(name, files[name])
    }
    const { snapshot } = await test.backup()
    const data = deltas().filter(({ chunkLengths }) => chunkLengths.length > 1)
    expect(data.length).toBeGreaterThan(0)
    expect(data.reduce((sum, { chunkLengths }) => sum + chunkLengths.length, 0)).toBeGreaterThanOrEqual(30)
    await expectRestored(snapshot, files)
  })

  it('of a file that has nothing in common with its former version stores it in full', async () => {
    write('image', chance.bytes(300 * KIB))
    await test.backup()
    const second = chance.bytes(300 * KIB)
    write('image', second)
    const { snapshot } = await test.backup()
    expect(deltas()).toEqual([])
    await expectRestored(snapshot, { image: second })
  })

  it('is never more than one segment away from what can be decoded by itself, however often a place is edited', async () => {
    let bytes: Uint8Array = chance.bytes(40 * KIB)
    const versions: { id: Parameters<TestRepository['restore']>[0]; bytes: Uint8Array }[] = []
    const inDeltas: number[] = []
    for (let day = 0; day < 12; day++) {
      write('log', bytes)
      const { snapshot } = await test.backup()
      versions.push({ id: snapshot, bytes })
      inDeltas.push(deltas().reduce((sum, { plain }) => sum + plain, 0))
      bytes = edited(bytes, 3)
    }
    expect(new Set(segments().map(({ depth }) => depth))).toEqual(new Set([0, 1]))
    // Every day is stored as a difference to the first.
    for (const [day, sum] of inDeltas.slice(1).entries()) expect(sum).toBeGreaterThan(inDeltas[day]!)
    for (const { id, bytes: expected } of versions) await expectRestored(id, { log: expected })
  })

  it('is read by another client, which has no manifest', async () => {
    const first = chance.bytes(200 * KIB)
    write('image', first)
    await test.backup()
    const second = edited(first, 10)
    write('image', second)
    const { snapshot } = await test.backup()
    expect(deltas().length).toBeGreaterThan(0)
    const other = await test.another()
    const target = join(test.directory, 'other')
    await other.restore(snapshot, target, test.source())
    expect(Buffer.compare(readFileSync(join(target, 'image')), second)).toBe(0)
    await other[Symbol.asyncDispose]()
  })

  it('stores in full what it cannot read the bases of', async () => {
    const first = chance.bytes(200 * KIB)
    write('image', first)
    await test.backup()
    const { packs } = test.repository.manifest
    for (const { id, kind } of packs.list('live')) {
      if (kind !== 'data') continue
      const object = test.storage.objects.get(packKey(id))
      const bytes = Uint8Array.from(object?.bytes ?? [])
      for (let at = 1_000; at < bytes.length; at += 1_000) bytes[at] = (bytes[at] ?? 0) ^ 1
      test.storage.objects.set(packKey(id), { bytes, storedAt: object?.storedAt ?? 0 })
    }
    write('image', edited(first, 10))
    await test.backup()
    expect(deltas()).toEqual([])
  })
})
