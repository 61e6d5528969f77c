import { expect, it } from 'vitest'
import { SnapError } from '../../../../src/model/errors.ts'
import { readSource } from '../../../../src/ops/copy/read-source.ts'

const missing = new SnapError('OBJECT_MISSING', 'chunk 1 is in no pack')

/** A log in which, whenever it is followed, as many collections were made as are left. */
function logWith(collections: number) {
  const log = {
    collections: 0,
    follow: async () => {
      if (log.collections < collections) log.collections += 1
    },
  }
  return { log }
}

/** Finds what is wanted at the try of that number. */
function foundAt(number: number) {
  let tries = 0
  return async () => {
    tries += 1
    if (tries < number) throw missing
    return tries
  }
}

it('is repeated as long as collections come in its way', async () => {
  expect(await readSource(logWith(3), foundAt(4))).toEqual({ value: 4 })
})

it('is damage where none does, or too many do', async () => {
  expect(await readSource(logWith(2), foundAt(4))).toEqual({ damage: missing })
  expect(await readSource(logWith(9), foundAt(9))).toEqual({ damage: missing })
})

it('throws what is no damage', async () => {
  const away = new SnapError('STORAGE_FAILED', 'the disk is gone')
  await expect(readSource(logWith(3), () => Promise.reject(away))).rejects.toBe(away)
})
