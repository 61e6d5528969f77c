/** The limits of `docs/format.md`, section 8, are those of the code, and do not contradict each other. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ByteWriter } from '../../../src/base/bytes.ts'
import {
  PASSWORD_COST_DEFAULT,
  PASSWORD_MEMORY_BYTES_MAX,
  PASSWORD_PASSES_MAX,
} from '../../../src/crypto/password.ts'
import { SLOT_NAME_BYTES_MAX } from '../../../src/keys/slot-body.ts'
import { DETAILS_BYTES_MAX, UNREADABLE_MAX } from '../../../src/log/details.ts'
import { decodePayload, encodePayload } from '../../../src/log/payloads.ts'
import { seriesId, snapshotId } from '../../../src/model/ids.ts'
import * as limits from '../../../src/model/limits.ts'
import { encodeContent } from '../../../src/snapshot/content.ts'
import { decodeEntry, encodeEntry } from '../../../src/snapshot/entry.ts'
import { decodeTree, encodeTree } from '../../../src/snapshot/tree.ts'
import { codeOf } from '../../support/builders.ts'

const FILE = {
  name: 'name',
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeSec: 0,
  mtimeNsec: 0,
  ctimeSec: 0,
  ctimeNsec: 0,
  inode: 1,
} as const

const UNITS = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }
const text = readFileSync(new URL('../../../docs/format.md', import.meta.url), 'utf8')

/** Limit to the numbers in its row, in order, `1 MiB + 64 KiB` summed. */
function tableOfLimits(): Map<string, number[]> {
  const section = text.slice(text.indexOf('## 8. Limits'), text.indexOf('## 9. '))
  const rows = new Map<string, number[]>()
  for (const [, name, value, why] of section.matchAll(/^\| ([a-z][^|]*) \| ([^|]*)\|([^|]*)\|$/gm)) {
    if (name === undefined || name === 'limit') continue
    const sums = `${value} ; ${why}`.matchAll(/[\d,]*\d(?: [KMG]iB)?(?: \+ [\d,]+(?: [KMG]iB)?)*/g)
    rows.set(
      name,
      [...sums].map(([sum]) =>
        sum.split(' + ').reduce((total, term) => {
          const [count = '', unit] = term.split(' ')
          return total + Number(count.replaceAll(',', '')) * (unit ? UNITS[unit as keyof typeof UNITS] : 1)
        }, 0),
      ),
    )
  }
  return rows
}

/** `ZSTD_compressBound` of zstd.h for inputs of 128 KiB and more. */
const zstdBound = (bytes: number): number => bytes + Math.floor(bytes / 256)

/** Section 1 of the document, "Padme". */
function padme(length: number): number {
  const e = Math.floor(Math.log2(length))
  const step = 2 ** (e - Math.floor(Math.log2(e)) - 1)
  return length < 256 ? 256 : Math.ceil(length / step) * step
}

const ID = 32
const SEGMENT_HEADER = 8

describe('the table of limits', () => {
  const {
    CHUNK_BYTES_MAX,
    SEGMENT_BYTES_MAX,
    SEGMENT_SEALED_BYTES_MAX,
    SEGMENT_BASES_MAX,
    DICTIONARY_BYTES_MAX,
    SEGMENT_DEPTH_MAX,
    SEGMENT_CLOSURE_MAX,
    PACK_SEGMENTS_MAX,
  } = limits

  it('equals the constants of the code, row by row', () => {
    expect(Object.fromEntries(tableOfLimits())).toEqual({
      chunk: [1, CHUNK_BYTES_MAX],
      segment: [SEGMENT_BYTES_MAX, SEGMENT_SEALED_BYTES_MAX],
      'bases of a segment': [SEGMENT_BASES_MAX],
      dictionary: [DICTIONARY_BYTES_MAX],
      depth: [SEGMENT_DEPTH_MAX],
      'segments decoded for one': [SEGMENT_CLOSURE_MAX],
      'chunks of a segment': [SEGMENT_BYTES_MAX],
      'segments in a pack': [PACK_SEGMENTS_MAX],
      'chunks of a pack': [limits.INDEX_BYTES_MAX],
      pack: [limits.PACK_BYTES_MAX, limits.PACK_BYTES_TARGET],
      'index object': [limits.INDEX_BYTES_MAX, limits.INDEX_BYTES_TARGET],
      'log entry': [limits.LOG_ENTRY_BYTES_MAX, limits.LOG_LIST_BYTES_MAX],
      'items in a content': [limits.CONTENT_INLINE_BYTES_MAX],
      'levels of content': [limits.CONTENT_LEVELS_MAX],
      tree: [limits.TREE_BYTES_MAX],
      'chunks of a directory': [1_024, 512],
      'entries of a directory': [16_777_216],
      'owners of a directory': [65_536, limits.NAME_BYTES_MAX],
      entry: [limits.ENTRY_BYTES_MAX],
      'depth of directories': [limits.DIRECTORY_DEPTH_MAX],
      name: [limits.NAME_BYTES_MAX],
      'link target': [limits.LINK_TARGET_BYTES_MAX],
      reason: [256],
      'xattr name': [limits.NAME_BYTES_MAX],
      'xattrs of an entry': [limits.XATTRS_MAX, limits.XATTR_BYTES_MAX],
      'details or note': [DETAILS_BYTES_MAX],
      'paths in `unreadable`': [UNREADABLE_MAX],
      'slot name': [SLOT_NAME_BYTES_MAX],
      slots: [limits.SLOTS_MAX],
      'work for a password': [limits.PASSWORD_WORK_BYTES_MAX],
      slot: [65_536],
      'key name': [1_024],
      config: [4_096],
    })
  })

  it('agrees with the limits that the sections before it state', () => {
    const count = (bytes: number): string => bytes.toLocaleString('en-US')
    expect(text).toContain(`A payload above ${limits.LOG_PAYLOAD_INLINE_BYTES_MAX / 1_024} KiB goes to`)
    expect(text).toContain(`target \`bytes<varint>\` (1 to ${count(limits.LINK_TARGET_BYTES_MAX)} bytes)`)
    expect(text).toContain(`name length n (1 to ${count(limits.NAME_BYTES_MAX)})`)
    expect(text).toContain(
      `more than ${limits.CONTENT_ITEMS_INLINE_MAX} items; levels are at most ${limits.CONTENT_LEVELS_MAX}`,
    )
    expect(text).toContain(`more than ${count(limits.SEGMENT_CLOSURE_MAX)} segments`)
  })
})

describe('limits that no constant names', () => {
  it('hold for the name of a key in a KEYS entry', () => {
    const keys = (bytes: number) =>
      encodePayload({
        kind: 'keys',
        keys: [{ publicKey: new Uint8Array(32), role: 'reader', name: 'n'.repeat(bytes) }],
      })
    expect(codeOf(() => decodePayload('keys', keys(1_024), 'entry'))).toBeUndefined()
    expect(codeOf(() => decodePayload('keys', keys(1_025), 'entry'))).toBe('LIMIT_EXCEEDED')
  })

  it('hold for the root of a commit before its items are looked at', () => {
    const root = (bytes: number) =>
      encodePayload({
        kind: 'commit',
        snapshot: snapshotId('0'.repeat(32)),
        series: seriesId('0'.repeat(32)),
        headRead: -1,
        timeMs: 0,
        root: encodeContent({ levels: 0, items: new Uint8Array(bytes) }),
        indexes: [],
        details: new Uint8Array(0),
      })
    expect(codeOf(() => decodePayload('commit', root(1_048_576), 'entry'))).toBeUndefined()
    expect(codeOf(() => decodePayload('commit', root(1_048_577), 'entry'))).toBe('LIMIT_EXCEEDED')
  })

  it('hold for an entry of a directory before it is looked for', () => {
    const tree = (bytes: number) => new ByteWriter().u8(1).varint(0).varint(1).u32(bytes).zeros(100).done()
    expect(codeOf(() => decodeTree(tree(67_108_864)))).toBe('OBJECT_DAMAGED')
    expect(codeOf(() => decodeTree(tree(67_108_865)))).toBe('LIMIT_EXCEEDED')
  })

  it('hold for the names of owners', () => {
    const tree = (bytes: number) => encodeTree([{ kind: 'user', number: 1, name: 'n'.repeat(bytes) }], [])
    expect(codeOf(() => decodeTree(tree(1_024)))).toBeUndefined()
    expect(codeOf(() => decodeTree(tree(1_025)))).toBe('LIMIT_EXCEEDED')
  })

  it('hold for the name of an extended attribute', () => {
    const entry = (bytes: number) =>
      encodeEntry({ ...FILE, xattrs: [{ name: 'n'.repeat(bytes), value: new Uint8Array(0) }] })
    expect(codeOf(() => decodeEntry(entry(1_024)))).toBeUndefined()
    expect(codeOf(() => decodeEntry(entry(1_025)))).toBe('LIMIT_EXCEEDED')
  })
})

describe('the order of extended attributes', () => {
  const named = (...names: string[]) =>
    encodeEntry({ ...FILE, xattrs: names.map((name) => ({ name, value: new Uint8Array(1) })) })

  it('is that of their bytes, and no name is there twice', () => {
    expect(codeOf(() => decodeEntry(named('user.a', 'user.aa', 'user.b', 'user.\u00e9')))).toBeUndefined()
    expect(codeOf(() => decodeEntry(named('user.b', 'user.a')))).toBe('OBJECT_DAMAGED')
    expect(codeOf(() => decodeEntry(named('user.aa', 'user.a')))).toBe('OBJECT_DAMAGED')
    expect(codeOf(() => decodeEntry(named('user.a', 'user.a')))).toBe('OBJECT_DAMAGED')
  })
})

describe('limits taken together', () => {
  it('let a segment hold the largest chunk, whatever the codec and the bases do', () => {
    expect(limits.SEGMENT_BYTES_MAX).toBeGreaterThanOrEqual(limits.CHUNK_BYTES_MAX)
    const bases = ID * limits.SEGMENT_BASES_MAX
    const worst = SEGMENT_HEADER + bases + zstdBound(limits.SEGMENT_BYTES_MAX) + limits.AEAD_TAG_BYTES
    expect(limits.SEGMENT_SEALED_BYTES_MAX).toBeGreaterThanOrEqual(worst)
  })

  it('let a pack be filled to its target and take one more segment, its ends and the padding', () => {
    const ends = limits.PACK_HEADER_BYTES + limits.PACK_TRAILER_BYTES
    const filled = limits.PACK_BYTES_TARGET + limits.SEGMENT_SEALED_BYTES_MAX + ends
    expect(limits.PACK_BYTES_MAX).toBeGreaterThanOrEqual(padme(filled))
    // A footer of a third of the target: more than 11 million chunks.
    expect(limits.PACK_BYTES_MAX).toBeGreaterThanOrEqual(padme(filled + limits.PACK_BYTES_TARGET / 3))
    // What remains of the limit when the target is full is a Padme size, so that padding cannot exceed it.
    expect(padme(limits.PACK_BYTES_MAX)).toBe(limits.PACK_BYTES_MAX)
  })

  it('keep the nonces of segments clear of each other', () => {
    expect(limits.PACK_SEGMENTS_MAX).toBeLessThan(2 ** 32 - 2)
    // A pack full of full segments never meets the limit of their number.
    expect(limits.PACK_SEGMENTS_MAX * limits.SEGMENT_BYTES_MAX).toBeGreaterThan(limits.PACK_BYTES_MAX)
  })

  it('let a segment have as many bases as allowed, and a chain of the greatest depth', () => {
    expect(limits.DICTIONARY_BYTES_MAX).toBeGreaterThanOrEqual(limits.CHUNK_BYTES_MAX)
    expect(limits.SEGMENT_CLOSURE_MAX).toBeGreaterThanOrEqual(1 + limits.SEGMENT_BASES_MAX)
    expect(limits.SEGMENT_CLOSURE_MAX).toBeGreaterThanOrEqual(1 + limits.SEGMENT_DEPTH_MAX)
    expect(limits.SEGMENT_BASES_MAX).toBeLessThan(2 ** 16)
    expect(limits.SEGMENT_DEPTH_MAX).toBeLessThan(2 ** 8)
  })

  it('let an index object hold the packs that reach its target and one full pack of chunks of 128 bytes or more', () => {
    // 1 byte of length for small chunks, and the id.
    const pack = Math.ceil(limits.PACK_BYTES_TARGET / 128) * (2 + ID) + limits.PACK_SEGMENTS_MAX
    expect(limits.INDEX_BYTES_TARGET + pack).toBeLessThanOrEqual(limits.INDEX_BYTES_MAX)
  })

  it('let a log entry hold the longest inline payload, and a list the ids of 100 TiB of packs', () => {
    const framed = 4 + 92 + limits.LOG_PAYLOAD_INLINE_BYTES_MAX + 64
    expect(limits.LOG_ENTRY_BYTES_MAX).toBeGreaterThanOrEqual(padme(framed))
    const packs = (100 * 2 ** 40) / limits.PACK_BYTES_TARGET
    expect(limits.LOG_LIST_BYTES_MAX).toBeGreaterThan(packs * 16)
  })

  it('let an entry hold the largest of everything, and a tree the largest entry', () => {
    const xattrs = limits.XATTR_BYTES_MAX + limits.XATTRS_MAX * 16
    const content = 10 + limits.CONTENT_INLINE_BYTES_MAX
    const entry = 58 + limits.NAME_BYTES_MAX + xattrs + content + limits.LINK_TARGET_BYTES_MAX
    expect(limits.ENTRY_BYTES_MAX).toBeGreaterThanOrEqual(entry)
    expect(limits.TREE_BYTES_MAX).toBeGreaterThanOrEqual(limits.ENTRY_BYTES_MAX)
    expect(limits.CONTENT_INLINE_BYTES_MAX).toBeGreaterThanOrEqual(limits.CONTENT_ITEMS_INLINE_MAX * (1 + ID))
  })

  it('let a password be tried on as many slots of the default cost as there may be, and on several of the greatest', () => {
    const work = PASSWORD_COST_DEFAULT.passes * PASSWORD_COST_DEFAULT.memoryBytes
    expect(limits.SLOTS_MAX * work).toBeLessThanOrEqual(limits.PASSWORD_WORK_BYTES_MAX)
    expect(PASSWORD_PASSES_MAX * PASSWORD_MEMORY_BYTES_MAX * 2).toBeLessThan(limits.PASSWORD_WORK_BYTES_MAX)
  })

  it('let content of the greatest level name any file, in chunks as small as 4 KiB', () => {
    const perList = Math.floor(4_096 / (1 + ID))
    const chunks = limits.CONTENT_ITEMS_INLINE_MAX * perList ** limits.CONTENT_LEVELS_MAX
    expect(chunks * 4_096).toBeGreaterThan(2 ** 45)
  })
})
