import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { TestRepository } from '../../../support/repository.ts'

const GIB = 1024 ** 3

let test: TestRepository
let target: string

beforeEach(async () => {
  test = await TestRepository.create()
  mkdirSync(test.source(), { recursive: true })
  target = mkdtempSync(join(test.directory, 'back-'))
})
afterEach(async () => await test[Symbol.asyncDispose]())

/** A disk image with data at some places and holes between. */
function writeSparse(path: string, places: readonly number[]): void {
  const fd = openSync(path, 'w+')
  for (const place of places) writeSync(fd, Buffer.alloc(5_000, 'data'), 0, 5_000, place)
  ftruncateSync(fd, GIB)
  closeSync(fd)
}

it('a file that is mostly holes and is there already is not written again', async () => {
  writeSparse(test.source('image'), [0, 300_000_000, 900_000_000])
  const { snapshot } = await test.backup()
  await test.restore(snapshot, target, test.source())
  const before = statSync(join(target, 'image'))
  expect(before.blocks * 512).toBeLessThan(1_000_000)
  utimesSync(join(target, 'image'), 1, 1)
  const { filesRestored, filesUnchanged } = await test.restore(snapshot, target, test.source())
  expect({ filesRestored, filesUnchanged }).toEqual({ filesRestored: 0, filesUnchanged: 1 })
  expect(statSync(join(target, 'image')).ino).toBe(before.ino)
})

it.each([
  ['in a hole', 500_000_000],
  ['at the edge of a hole', 299_999_999],
  ['at the end', GIB - 1],
])('one byte %s is seen', async (_, place) => {
  writeSparse(test.source('image'), [0, 300_000_000, 900_000_000])
  const { snapshot } = await test.backup()
  await test.restore(snapshot, target, test.source())
  const fd = openSync(join(target, 'image'), 'r+')
  writeSync(fd, Buffer.from('x'), 0, 1, place)
  closeSync(fd)
  const { filesRestored } = await test.restore(snapshot, target, test.source())
  expect(filesRestored).toBe(1)
  const back = Buffer.alloc(1)
  const read = openSync(join(target, 'image'), 'r')
  readSync(read, back, 0, 1, place)
  closeSync(read)
  expect(back[0]).toBe(0)
})

it('a byte in the second of two holes is seen where zeros and data fill all between', async () => {
  writeSparse(test.source('image'), [0, 300_000_000, 900_000_000])
  const { snapshot } = await test.backup()
  await test.restore(snapshot, target, test.source())
  const path = join(target, 'image')
  const fd = openSync(path, 'r+')
  writeSync(fd, Buffer.alloc(1_000_000), 0, 1_000_000, 299_000_000)
  writeSync(fd, Buffer.alloc(5_000, 'data'), 0, 5_000, 300_000_000)
  writeSync(fd, Buffer.alloc(1_000_000), 0, 1_000_000, 300_005_000)
  writeSync(fd, Buffer.from('x'), 0, 1, 300_900_000)
  closeSync(fd)
  expect((await test.restore(snapshot, target, test.source())).filesRestored).toBe(1)
})
