import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FileStat } from '../../../src/model/files.ts'
import { type Entry, encodeEntry } from '../../../src/snapshot/entry.ts'
import { isSameFile } from '../../../src/snapshot/same-entry.ts'
import { fileStat } from '../../support/builders.ts'

const STAT = fileStat({
  size: 2 ** 40 + 5,
  inode: 2 ** 45 + 3,
  mtimeSec: -5,
  ctimeSec: 2 ** 33,
  mode: 0o4755,
})

function entryOf(stat: FileStat, more: Partial<Entry> = {}): Uint8Array {
  const { type, mode, uid, gid, size, mtimeSec, mtimeNsec, ctimeSec, ctimeNsec, inode } = stat
  return encodeEntry({
    name: 'n',
    type,
    mode,
    uid,
    gid,
    size,
    mtimeSec,
    mtimeNsec,
    ctimeSec,
    ctimeNsec,
    inode,
    ...more,
  })
}

const COMPARED = [
  'mode',
  'uid',
  'gid',
  'size',
  'mtimeSec',
  'mtimeNsec',
  'ctimeSec',
  'ctimeNsec',
  'inode',
] as const satisfies (keyof FileStat)[]

describe('a file', () => {
  it('is the same where nothing has changed, wherever its entry lies in memory', () => {
    const entry = entryOf(STAT)
    expect(isSameFile(entry, STAT)).toBe(true)
    for (let shift = 1; shift < 9; shift++) {
      const memory = new Uint8Array(entry.length + 20).fill(0xaa)
      memory.set(entry, shift)
      expect(isSameFile(memory.subarray(shift, shift + entry.length), STAT)).toBe(true)
    }
  })

  it('is the same for any stat, and another where one field differs', () => {
    const stat = fc.record({
      mode: fc.nat(0o7777),
      uid: fc.nat(0xffff_ffff),
      gid: fc.nat(0xffff_ffff),
      size: fc.maxSafeNat(),
      mtimeSec: fc.maxSafeInteger(),
      mtimeNsec: fc.nat(999_999_999),
      ctimeSec: fc.maxSafeInteger(),
      ctimeNsec: fc.nat(999_999_999),
      inode: fc.maxSafeNat(),
    })
    fc.assert(
      fc.property(stat, stat, fc.constantFrom(...COMPARED), (parts, others, field) => {
        const before = fileStat(parts)
        expect(isSameFile(entryOf(before), before)).toBe(true)
        const after = { ...before, [field]: others[field] }
        expect(isSameFile(entryOf(before), after)).toBe(before[field] === after[field])
      }),
      { numRuns: 1000 },
    )
  })

  it.each(COMPARED)('is another where %s differs by the least or by 2^32', (field) => {
    const values = { mode: [0o4754], uid: [1001], gid: [101] } as Partial<Record<keyof FileStat, number[]>>
    for (const value of values[field] ?? [STAT[field] + 1, STAT[field] - 1, STAT[field] + 2 ** 32]) {
      expect(isSameFile(entryOf(STAT), { ...STAT, [field]: value })).toBe(false)
    }
  })

  it('is another where it became something else, or was something else', () => {
    expect(isSameFile(entryOf(STAT), { ...STAT, type: 'symlink' })).toBe(false)
    const link = { ...STAT, type: 'symlink', size: 0 } as const
    expect(isSameFile(entryOf(link, { target: 'x' }), link)).toBe(false)
    expect(isSameFile(entryOf(link, { target: 'x' }), { ...link, type: 'file' })).toBe(false)
  })

  it('is read again where it was unreadable or changing the last time', () => {
    expect(isSameFile(entryOf(STAT, { unreadable: 'EIO' }), STAT)).toBe(false)
    expect(isSameFile(entryOf(STAT, { changed: true }), STAT)).toBe(false)
  })

  it('is the same whatever content and attributes its entry has', () => {
    const content = { levels: 1, items: new Uint8Array(33) }
    const xattrs = [{ name: 'user.a', value: new Uint8Array(3) }]
    expect(isSameFile(entryOf(STAT, { content, xattrs, hardLink: { links: 2, device: 42 } }), STAT)).toBe(
      true,
    )
  })
})
