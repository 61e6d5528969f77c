import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { PackRow } from '../../../../src/manifest/packs-table.ts'
import type { SnapshotId } from '../../../../src/model/ids.ts'
import { packKey } from '../../../../src/object/object-keys.ts'
import type { VerifyReport } from '../../../../src/ops/verify/report.ts'
import { verify } from '../../../../src/ops/verify/verify.ts'
import { Chance } from '../../../support/builders.ts'
import { SECRET, TestRepository } from '../../../support/repository.ts'

let test: TestRepository
const chance = new Chance(63)
let first: Uint8Array<ArrayBuffer>
let second: Uint8Array<ArrayBuffer>

beforeEach(async () => {
  test = await TestRepository.create()
  mkdirSync(test.source(), { recursive: true })
  first = chance.bytes(200 * 1024)
  second = first.slice()
  for (let at = 1_000; at < second.length; at += 20_000) second[at]! ^= 1
  writeFileSync(test.source('image'), first)
})
afterEach(async () => await test[Symbol.asyncDispose]())

async function edit(): Promise<SnapshotId> {
  writeFileSync(test.source('image'), second)
  return (await test.backup()).snapshot
}

const packsOf = (depth: (depth: number) => boolean): PackRow[] =>
  test.repository.manifest.packs
    .list('live')
    .filter(
      ({ no, kind }) =>
        kind === 'data' && test.repository.manifest.packs.tableOf(no).some((row) => depth(row.depth)),
    )
const plainPacks = (): PackRow[] => packsOf((depth) => depth === 0)
const deltaPacks = (): PackRow[] => packsOf((depth) => depth > 0)

async function verified(): Promise<VerifyReport> {
  await using pool = test.pool()
  const ports = { pool, progress: () => undefined, signal: new AbortController().signal }
  return await verify(test.repository, { data: true, secret: SECRET }, ports)
}

/** A byte in each segment of the pack. */
function damageAll({ no, id }: PackRow): void {
  let at = 160
  for (const { sealed } of test.repository.manifest.packs.tableOf(no)) {
    test.damage(packKey(id), at + 20)
    at += sealed
  }
}

async function expectRestored(snapshot: SnapshotId, whole: boolean): Promise<void> {
  const target = join(test.directory, 'restored')
  const { failures } = await test.restore(snapshot, target, test.source())
  expect(failures.length).toBe(whole ? 0 : 1)
  if (whole) expect(Buffer.compare(readFileSync(join(target, 'image')), second)).toBe(0)
}

it('finds nothing in segments whose bases are whole, and counts their chunks', async () => {
  await test.backup()
  const snapshot = await edit()
  expect(deltaPacks().length).toBeGreaterThan(0)
  const report = await verified()
  expect(report.damages).toEqual([])
  expect(report.chunksChecked).toBe(
    test.repository.manifest.packs
      .list('live')
      .flatMap(({ no }) => test.repository.manifest.packs.tableOf(no))
      .reduce((sum, { chunkLengths }) => sum + chunkLengths.length, 0),
  )
  await expectRestored(snapshot, true)
})

it('finds a byte that changed in a segment with bases', async () => {
  await test.backup()
  const snapshot = await edit()
  const [pack] = deltaPacks()
  damageAll(pack!)
  const { damages } = await verified()
  expect(damages.map(({ object }) => object)).toContain(packKey(pack!.id))
  await expectRestored(snapshot, false)
})

it('names the segments whose bases are damaged wherever they lie', async () => {
  await test.backup()
  const snapshot = await edit()
  for (const pack of plainPacks()) damageAll(pack)
  const { damages } = await verified()
  const deltas = damages.filter(({ object }) => object === packKey(deltaPacks()[0]!.id))
  expect(deltas.map(({ reason }) => reason).join()).toContain('its bases cannot be read')
  await expectRestored(snapshot, false)
})

it('takes bases from another place where the best one is damaged', async () => {
  const other = await test.another()
  // Neither sees the other's chunks before both have stored their own.
  await Promise.all([test.backup(), other.backup()])
  await other[Symbol.asyncDispose]()
  await test.reopen()
  const snapshot = await edit()
  const [best, ...others] = plainPacks()
  expect(others.length).toBeGreaterThan(0)
  damageAll(best!)
  const { damages } = await verified()
  expect(new Set(damages.map(({ object }) => object))).toEqual(new Set([packKey(best!.id)]))
  await expectRestored(snapshot, true)
})
