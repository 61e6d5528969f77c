/** Content, trees and entries (section 6 of `docs/format.md`), as bytes become values. Reads no chunk. */
import { Cursor, violation } from './cursor.ts'

export type Item = { readonly chunkId: Buffer } | { readonly hole: number }
export type Content = { readonly levels: number; readonly items: readonly Item[] }

export const ENTRY_TYPES = ['', 'file', 'dir', 'symlink', 'fifo', 'char', 'block', 'socket'] as const
export type IndependentType = Exclude<(typeof ENTRY_TYPES)[number], ''>

export type Entry = {
  readonly name: Buffer
  readonly type: IndependentType
  /** 12 bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes of a file; else 0. */
  readonly size: number
  readonly mtimeSec: bigint
  readonly mtimeNsec: number
  readonly ctimeSec: bigint
  readonly ctimeNsec: number
  readonly inode: bigint
  readonly content: Content | undefined
  readonly target: Buffer | undefined
  readonly device: { readonly major: number; readonly minor: number } | undefined
  readonly hardLink: { readonly links: number; readonly device: bigint } | undefined
  readonly xattrs: readonly { readonly name: Buffer; readonly value: Buffer }[]
  readonly changedWhileRead: boolean
  readonly unreadable: string | undefined
}

export type Tree = {
  readonly owners: readonly { readonly kind: number; readonly number: number; readonly name: string }[]
  readonly entries: readonly Entry[]
}

export function readItems(bytes: Buffer, listLevel: boolean): Item[] {
  const cursor = new Cursor(bytes)
  const items: Item[] = []
  while (cursor.at < bytes.length) {
    const kind = cursor.u8()
    if (kind === 1) items.push({ chunkId: cursor.take(32) })
    else if (kind === 2 && !listLevel) items.push({ hole: cursor.size() })
    else violation(`an item of kind ${kind}`)
  }
  return items
}

export function readContent(cursor: Cursor): Content {
  const levels = cursor.u8()
  if (levels > 4) violation(`content of ${levels} levels`)
  const items = readItems(cursor.varBytes(1_048_576), levels > 0)
  return items.length > 0 ? { levels, items } : violation('content has no items')
}

export function readTree(bytes: Buffer): Tree {
  const cursor = new Cursor(bytes)
  if (cursor.u8() !== 1) violation('the tree version is unknown')
  const owners = cursor.list(6, () => ({ kind: cursor.u8(), number: cursor.u32(), name: cursor.text(1_024) }))
  for (const [index, owner] of owners.entries()) {
    const last = owners[index - 1]
    if (owner.kind !== 1 && owner.kind !== 2) violation(`an owner of kind ${owner.kind}`)
    if (last && (last.kind - owner.kind || last.number - owner.number) >= 0)
      violation('owners are not sorted')
  }
  const entries = cursor.list(59, () => {
    const length = cursor.u32()
    if (length < 59 || length > 64 * 1_048_576) violation(`an entry of ${length} bytes`)
    return readEntry(new Cursor(cursor.take(length - 4)))
  })
  cursor.end('a tree')
  sorted(
    entries.map((entry) => entry.name),
    'names',
  )
  return { owners, entries }
}

function readEntry(cursor: Cursor): Entry {
  const type = ENTRY_TYPES[cursor.u8()] || violation('the type of an entry is unknown')
  const flags = cursor.u8()
  if (flags & 128) violation('a flag of an entry is unknown')
  const flag = <T>(bit: number, read: () => T): T | undefined => ((flags & bit) === 0 ? undefined : read())
  const mode = cursor.u16()
  if (mode > 0o7777) violation('a mode has more than 12 bits')
  const fixed = {
    type,
    mode,
    uid: cursor.u32(),
    gid: cursor.u32(),
    size: cursor.size(),
    mtimeSec: cursor.i64(),
    mtimeNsec: nanoseconds(cursor),
    ctimeSec: cursor.i64(),
    ctimeNsec: nanoseconds(cursor),
    inode: cursor.u64(),
    name: readName(cursor),
  }
  const entry: Entry = {
    ...fixed,
    content: flag(1, () => readContent(cursor)),
    target: flag(2, () => cursor.varBytes()),
    device: flag(4, () => ({ major: cursor.u32(), minor: cursor.u32() })),
    hardLink: flag(8, () => ({ links: cursor.u32(), device: cursor.u64() })),
    xattrs:
      flag(16, () => cursor.list(2, () => ({ name: cursor.varBytes(1_024), value: cursor.varBytes() }))) ??
      [],
    changedWhileRead: (flags & 32) !== 0,
    unreadable: flag(64, () => cursor.text(256)),
  }
  cursor.end('an entry')
  checkEntry(entry, flags)
  return entry
}

function readName(cursor: Cursor): Buffer {
  const name = cursor.take(cursor.u16())
  if (name.length < 1 || name.length > 1_024 || name.includes(0) || name.includes('/'))
    violation('a name is not one component')
  if (name.equals(Buffer.from('.')) || name.equals(Buffer.from('..'))) violation('a name is . or ..')
  return name
}

function nanoseconds(cursor: Cursor): number {
  const value = cursor.u32()
  return value < 1e9 ? value : violation(`${value} nanoseconds`)
}

function checkEntry({ type, size, content, target, device, unreadable, xattrs }: Entry, flags: number): void {
  const whole = unreadable === undefined
  if (type !== 'file' && size !== 0) violation(`a ${type} has a size`)
  if (content !== undefined && type !== 'file' && type !== 'dir') violation(`a ${type} has content`)
  if (whole && type === 'dir' && content === undefined) violation('a directory has no tree')
  if (whole && type === 'file' && (content !== undefined) !== size > 0)
    violation('content and size contradict')
  if ((target !== undefined) !== (type === 'symlink')) violation('type and link target contradict')
  if (target !== undefined && (target.length < 1 || target.length > 65_535 || target.includes(0)))
    violation('a link target is not allowed')
  if ((device !== undefined) !== (type === 'char' || type === 'block'))
    violation('type and device number contradict')
  if ((flags & 16) !== 0 && xattrs.length === 0) violation('the xattrs flag is set, and there are none')
  const xattrBytes = xattrs.reduce((sum, { name, value }) => sum + name.length + value.length, 0)
  if (xattrs.length > 1_024 || xattrBytes > 16_777_216) violation('an entry has too many xattrs')
  if (xattrs.some(({ name }) => name.length === 0 || name.includes(0)))
    violation('an xattr name is not allowed')
  sorted(
    xattrs.map((xattr) => xattr.name),
    'xattrs',
  )
}

function sorted(names: readonly Buffer[], what: string): void {
  for (const [index, name] of names.entries())
    if (index > 0 && Buffer.compare(names[index - 1]!, name) >= 0)
      violation(`${what} are not sorted, or one is there twice`)
}
