/** Arbitrary entries of every type, for properties. */
import fc from 'fast-check'
import { compareNames, nameFromBytes } from '../../../src/base/names.ts'
import type { Entry } from '../../../src/snapshot/entry.ts'

const SLASH = 0x2f

/** Any bytes that a file system allows as a name, most of them not UTF-8. */
export const anyName: fc.Arbitrary<string> = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 40 }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).map((text) => Buffer.from(text, 'utf8')),
    fc.constantFrom(Buffer.from('...'), Buffer.from('.x'), Buffer.alloc(1024, 0x61), Buffer.of(0xff)),
  )
  .map((bytes) => nameFromBytes(bytes.map((byte) => (byte === 0 || byte === SLASH ? 0x41 : byte))))
  .filter((name) => name !== '.' && name !== '..')

const u32 = fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0, 0xffff_ffff))
const seconds = fc.oneof(
  fc.maxSafeInteger(),
  fc.constantFrom(0, -1, 1 - 2 ** 53, 2 ** 53 - 1, -(2 ** 32), 2 ** 31),
)
const nanoseconds = fc.oneof(fc.nat(999_999_999), fc.constantFrom(0, 999_999_999))
const whole = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1))
const bytes = (maxLength: number) => fc.uint8Array({ maxLength })

const xattrs = fc
  .uniqueArray(fc.record({ name: anyName, value: bytes(60) }), {
    selector: (xattr) => xattr.name,
    maxLength: 4,
  })
  .map((list) => list.sort((a, b) => compareNames(a.name, b.name)))
  .map((list) => (list.length === 0 ? undefined : list))

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const absent = fc.constant(undefined)
const content = fc.record({ levels: fc.nat(4), items: bytes(200) })

export const anyEntry: fc.Arbitrary<Entry> = fc
  .constantFrom<Entry['type'][]>('file', 'dir', 'symlink', 'fifo', 'char', 'block', 'socket')
  .chain((type) =>
    fc.record({
      name: anyName,
      type: fc.constant(type),
      mode: fc.nat(0o7777),
      uid: u32,
      gid: u32,
      size: type === 'file' ? whole : fc.constant(0),
      mtimeSec: seconds,
      mtimeNsec: nanoseconds,
      ctimeSec: seconds,
      ctimeNsec: nanoseconds,
      inode: whole,
      content: type === 'dir' ? content : type === 'file' ? optional(content) : absent,
      target: type === 'symlink' ? anyName : absent,
      device: type === 'char' || type === 'block' ? fc.record({ major: u32, minor: u32 }) : absent,
      hardLink: type === 'dir' ? absent : optional(fc.record({ links: u32, device: whole })),
      xattrs,
      changed: fc.boolean(),
      unreadable: optional(fc.constantFrom('EACCES', 'EIO', '')),
    }),
  )
