import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nameFromBytes } from '../../../src/base/names.ts'
import {
  decodeEntry,
  ENTRY_AT,
  ENTRY_BYTES_MIN,
  type Entry,
  encodeEntry,
} from '../../../src/snapshot/entry.ts'
import { Chance, codeOf, fileStat, mutated, plain, survives } from '../../support/builders.ts'
import { anyEntry } from './entries.ts'

const { mode, uid, gid, mtimeSec, mtimeNsec, ctimeSec, ctimeNsec, inode } = fileStat()
const PLAIN: Entry = {
  name: 'name',
  type: 'file',
  mode,
  uid,
  gid,
  size: 0,
  mtimeSec,
  mtimeNsec,
  ctimeSec,
  ctimeNsec,
  inode,
}

/** An entry whose name is these bytes, whatever they are. */
function named(name: Uint8Array): Uint8Array {
  const valid = encodeEntry({ ...PLAIN, name: 'x' })
  const bytes = Buffer.concat([valid.subarray(0, ENTRY_AT.name), name, valid.subarray(ENTRY_AT.name + 1)])
  bytes.writeUInt32LE(bytes.length, 0)
  bytes.writeUInt16LE(name.length, ENTRY_AT.nameLength)
  return bytes
}

const codeOfName = (name: Uint8Array | string) => codeOf(() => decodeEntry(named(Buffer.from(name))))

describe('an entry', () => {
  it('comes back, whatever its type, name, times and attributes', () => {
    fc.assert(
      fc.property(anyEntry, (entry) => {
        const bytes = encodeEntry(entry)
        expect(Buffer.from(bytes).readUInt32LE(0)).toBe(bytes.length)
        const keys = [
          ...Object.keys(PLAIN),
          'content',
          'target',
          'device',
          'hardLink',
          'xattrs',
          'changed',
          'unreadable',
        ]
        const sorted = (of: Entry) => plain(keys.map((key) => [key, of[key as keyof Entry]]))
        expect(sorted(decodeEntry(bytes))).toBe(sorted(entry))
      }),
      { numRuns: 1000 },
    )
  })

  it('has its fixed fields where the format puts them', () => {
    const bytes = Buffer.from(
      encodeEntry({
        ...PLAIN,
        mode: 0o4755,
        uid: 1,
        gid: 2,
        size: 2 ** 40 + 3,
        mtimeSec: -1,
        mtimeNsec: 5,
        ctimeSec: 2 ** 33,
        ctimeNsec: 7,
        inode: 2 ** 50 + 9,
        name: 'é',
      }),
    )
    expect(bytes.readUInt32LE(0)).toBe(60)
    expect([...bytes.subarray(4, 8)]).toEqual([1, 0, 0xed, 0x09])
    expect(bytes.readUInt32LE(8)).toBe(1)
    expect(bytes.readUInt32LE(12)).toBe(2)
    expect(bytes.readBigUInt64LE(16)).toBe(2n ** 40n + 3n)
    expect(bytes.readBigInt64LE(24)).toBe(-1n)
    expect(bytes.readUInt32LE(32)).toBe(5)
    expect(bytes.readBigInt64LE(36)).toBe(2n ** 33n)
    expect(bytes.readUInt32LE(44)).toBe(7)
    expect(bytes.readBigUInt64LE(48)).toBe(2n ** 50n + 9n)
    expect([...bytes.subarray(56)]).toEqual([2, 0, 0xc3, 0xa9])
    expect(encodeEntry({ ...PLAIN, name: 'x' })).toHaveLength(ENTRY_BYTES_MIN)
  })

  it.each(['', '.', '..', 'a/b', '/', '../x', 'a\0b', '\0'])('is refused with the name %j', (name) => {
    expect(codeOfName(name)).toBe('OBJECT_DAMAGED')
  })

  it.each(['...', '.a', '..a', ' ', '\\', '-rf', '\u202e'])('may have the name %j', (name) => {
    expect(decodeEntry(named(Buffer.from(name))).name).toBe(name)
  })

  it('has a name of at most 1,024 bytes', () => {
    expect(codeOfName(Buffer.alloc(1024, 0x61))).toBeUndefined()
    expect(codeOfName(Buffer.alloc(1025, 0x61))).toBe('OBJECT_DAMAGED')
    expect(codeOfName(Buffer.alloc(65_535, 0x61))).toBe('OBJECT_DAMAGED')
  })

  it('keeps a name that is not UTF-8 byte for byte', () => {
    const bytes = Buffer.from([0x66, 0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80])
    const name = nameFromBytes(bytes)
    expect(decodeEntry(named(bytes)).name).toBe(name)
    expect(Buffer.from(encodeEntry({ ...PLAIN, name })).subarray(ENTRY_AT.name)).toEqual(bytes)
  })

  it.each<[string, Partial<Entry>]>([
    ['a symlink without a target', { type: 'symlink' }],
    ['a file with a target', { target: 'x' }],
    ['a link to nothing', { type: 'symlink', target: '' }],
    ['a link target with NUL', { type: 'symlink', target: 'a\0b' }],
    ['a device without a number', { type: 'block' }],
    ['a file with a device number', { device: { major: 1, minor: 2 } }],
    ['a FIFO with content', { type: 'fifo', content: { levels: 0, items: new Uint8Array(0) } }],
    ['a directory with a size', { type: 'dir', size: 1, content: { levels: 0, items: new Uint8Array(0) } }],
    ['a directory without a tree', { type: 'dir' }],
    [
      'a hard-linked directory',
      {
        type: 'dir',
        content: { levels: 0, items: new Uint8Array(0) },
        hardLink: { links: 2, device: 1 },
      },
    ],
    ['a mode of 13 bits', { mode: 0o10000 }],
    ['a second of 10^9 nanoseconds', { mtimeNsec: 1_000_000_000 }],
    ['a change at 10^9 nanoseconds', { ctimeNsec: 1_000_000_000 }],
    ['an attribute without a name', { xattrs: [{ name: '', value: new Uint8Array(0) }] }],
    ['an attribute name with NUL', { xattrs: [{ name: 'a\0', value: new Uint8Array(0) }] }],
  ])('is refused as %s', (_, change) => {
    expect(codeOf(() => decodeEntry(encodeEntry({ ...PLAIN, ...change })))).toBe('OBJECT_DAMAGED')
  })

  it.each<[string, Partial<Entry>]>([
    ['five levels of content', { content: { levels: 5, items: new Uint8Array(0) } }],
    ['more than a MiB of items', { content: { levels: 0, items: new Uint8Array(1_048_577) } }],
    ['a link target of 64 KiB', { type: 'symlink', target: 'x'.repeat(65_536) }],
    ['a reason of 257 bytes', { unreadable: 'x'.repeat(257) }],
    [
      '1,025 attributes',
      {
        xattrs: Array.from({ length: 1025 }, (__, at) => ({
          name: `user.${at + 1000}`,
          value: new Uint8Array(0),
        })),
      },
    ],
    [
      'attributes of more than 16 MiB together',
      { xattrs: [1, 2].map((at) => ({ name: `user.${at}`, value: new Uint8Array(8_388_608) })) },
    ],
  ])('is refused with %s', (_, change) => {
    expect(codeOf(() => decodeEntry(encodeEntry({ ...PLAIN, ...change })))).toBe('LIMIT_EXCEEDED')
  })

  it('is refused with an unknown type, unknown flags, or a length that is not its own', () => {
    const valid = encodeEntry(PLAIN)
    const patched = (at: number, value: number) => {
      const bytes = valid.slice()
      bytes[at] = value
      return codeOf(() => decodeEntry(bytes))
    }
    expect(patched(ENTRY_AT.type, 0)).toBe('OBJECT_DAMAGED')
    expect(patched(ENTRY_AT.type, 8)).toBe('OBJECT_DAMAGED')
    expect(patched(ENTRY_AT.flags, 128)).toBe('OBJECT_DAMAGED')
    expect(patched(0, valid.length + 1)).toBe('OBJECT_DAMAGED')
    expect(codeOf(() => decodeEntry(Buffer.concat([valid, new Uint8Array(1)])))).toBe('OBJECT_DAMAGED')
    for (let length = 0; length < valid.length; length++) {
      expect(codeOf(() => decodeEntry(valid.subarray(0, length)))).toBe('OBJECT_DAMAGED')
    }
  })
})

describe('hostile entries', () => {
  it('are decoded or refused, at once', () => {
    const chance = new Chance(20)
    const valid = fc.sample(anyEntry, { numRuns: 300, seed: 20 }).map(encodeEntry)
    const outcome = survives(
      40_000,
      (index) => {
        if (index % 4 === 3) return chance.bytes(chance.int(150))
        const bytes = Buffer.from(mutated(chance, valid[index % valid.length]!))
        // Mostly with the right length, so that what lies behind it is reached.
        if (index % 8 > 1 && bytes.length >= 4) bytes.writeUInt32LE(bytes.length, 0)
        return bytes
      },
      decodeEntry,
    )
    expect(outcome.refused).toBeGreaterThan(15_000)
    expect(outcome.accepted).toBeGreaterThan(1_000)
  })
})
