/** Random changes of files in memory, failures of system calls among them: for properties that hold whatever happens to sources. */
import fc from 'fast-check'
import type { EntryType } from '../../src/model/files.ts'
import type { MemorySource } from './memory-source.ts'

const NAMES = ['a', 'A', 'b', 'c.txt', 'é', '\u{10000}', '\uffee', '\udcff']
const TYPES: readonly EntryType[] = ['file', 'file', 'file', 'dir', 'dir', 'symlink', 'fifo', 'socket']
const FAILURES = ['lstat', 'list', 'open', 'xattrs', 'readlink'] as const

const path = fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 4 })
/** One change of a source. */
export const edit = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('put'),
      path,
      type: fc.constantFrom(...TYPES),
      value: fc.nat(3),
    }),
  },
  fc.record({ kind: fc.constant('remove'), path }),
  fc.record({
    kind: fc.constant('stat'),
    path,
    field: fc.constantFrom('mode', 'uid', 'gid', 'mtimeSec', 'ctimeNsec', 'inode', 'links', 'device'),
    value: fc.nat(3),
  }),
  fc.record({ kind: fc.constant('xattr'), path, value: fc.nat(2) }),
  fc.record({ kind: fc.constant('fail'), path, call: fc.constantFrom(...FAILURES), fails: fc.boolean() }),
)
export type Edit = typeof edit extends fc.Arbitrary<infer Value> ? Value : never

/** The number of the change serves as a time, so that nothing changes without one. */
export function apply(source: MemorySource, change: Edit, number: number): void {
  const at = `/s/${change.path.join('/')}`
  const stat = { ctimeSec: number }
  if ('type' in change) {
    for (let end = at.indexOf('/', 3); end > 0; end = at.indexOf('/', end + 1)) {
      if (typeOf(source, at.slice(0, end)) !== 'dir') source.remove(at.slice(0, end))
    }
    source.remove(at)
    source.put(at, change.type, { bytes: Buffer.alloc(change.value, 'x'), target: `t${change.value}`, stat })
    return
  }
  if (typeOf(source, at) === undefined) return
  if (change.kind === 'remove') {
    source.remove(at)
    return
  }
  const file = source.entry(at)
  if ('field' in change) file.stat = { ...file.stat, [change.field]: change.value }
  else if ('call' in change) file.fails = change.fails ? { ...file.fails, [change.call]: 'EIO' } : {}
  else {
    file.xattrs = [{ name: 'user.a', value: Uint8Array.of(change.value ?? 0) }]
    file.stat = { ...file.stat, ...stat }
  }
}

function typeOf(source: MemorySource, at: string): EntryType | undefined {
  return source.has(at) ? source.entry(at).type : undefined
}
