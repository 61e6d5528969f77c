import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fileOf, type RestoreFile, toColumns } from '../../../src/workers/restore-task.ts'

const owner = fc.option(fc.nat(0xffff_ffff), { nil: undefined })
const anyFile: fc.Arbitrary<RestoreFile> = fc.record({
  directory: fc.constantFrom('', 'a', 'a/b', 'c'),
  name: fc.string({ minLength: 1 }),
  whole: fc.boolean(),
  size: fc.maxSafeNat(),
  meta: fc.record({
    mode: fc.nat(0o7777),
    uid: owner,
    gid: owner,
    mtimeSec: fc.maxSafeInteger(),
    mtimeNsec: fc.nat(999_999_999),
    xattrs: fc.array(
      fc.record({ name: fc.string({ minLength: 1 }), value: fc.uint8Array({ maxLength: 8 }) }),
      {
        maxLength: 2,
      },
    ),
  }),
  renameTo: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
})

describe('the files of a restore task', () => {
  it('come out of their columns, and out of a copy for another thread, as they went in', () => {
    fc.assert(
      fc.property(fc.array(anyFile, { maxLength: 20 }), (files) => {
        const columns = structuredClone(toColumns(files))
        expect(columns.count).toBe(files.length)
        expect(files.map((_, index) => fileOf(columns, index))).toEqual(files)
      }),
    )
  })

  it('name each directory once', () => {
    fc.assert(
      fc.property(fc.array(anyFile, { maxLength: 20 }), (files) => {
        const { directories } = toColumns(files)
        expect(new Set(directories).size).toBe(directories.length)
      }),
    )
  })
})
