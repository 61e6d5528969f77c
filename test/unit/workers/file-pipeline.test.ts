import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createChunker } from '../../../src/chunker/chunker.ts'
import { gearTable } from '../../../src/chunker/gear.ts'
import { DEFAULT_PARAMS, MEDIA_PARAMS } from '../../../src/chunker/params.ts'
import { createZstd } from '../../../src/codec/zstd.ts'
import { type Box, loadBox } from '../../../src/crypto/box.ts'
import { SnapError } from '../../../src/model/errors.ts'
import type { PackReaderSecrets } from '../../../src/pack/pack-header.ts'
import { packBufferBytes } from '../../../src/pack/pack-writer.ts'
import { type ContentItem, readItems } from '../../../src/snapshot/content.ts'
import { decodeEntry, type Entry } from '../../../src/snapshot/entry.ts'
import { DeltaRun } from '../../../src/workers/delta-run.ts'
import { FilePipeline, type PipelineParts } from '../../../src/workers/file-pipeline.ts'
import { PackFiller } from '../../../src/workers/pack-filler.ts'
import { createSeenMemory, SeenTable } from '../../../src/workers/seen-table.ts'
import type { FilesResult } from '../../../src/workers/tasks.ts'
import { Chance, codeOf, hasher, idOf, makeSecrets, makeTicket } from '../../support/builders.ts'
import { type MemoryFile, MemorySource, systemError } from '../../support/memory-source.ts'

const WINDOW = 2 * 1024 * 1024
const PACK_BYTES = 1_048_576
const chunker = createChunker(gearTable(new Uint8Array(32).fill(3)), WINDOW)

let box: Box
let secrets: PackReaderSecrets
let source: MemorySource
/** Every chunk that went to the packs, by id, and whether it was to be compressed. */
let stored: Map<string, { bytes: Buffer; compress: boolean }>

beforeAll(async () => {
  box = await loadBox()
  secrets = makeSecrets(box)
})

beforeEach(() => {
  source = new MemorySource()
  stored = new Map()
})

class WatchedFiller extends PackFiller {
  override add(chunk: Uint8Array, ids: Uint8Array, idAt: number, compress: boolean): void {
    stored.set(hexOf(ids.subarray(idAt, idAt + 32)), { bytes: Buffer.from(chunk), compress })
    super.add(chunk, ids, idAt, compress)
  }
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

function fillerOf(nextTicket = () => makeTicket(box, secrets)): PackFiller {
  return new WatchedFiller({
    zstd: createZstd(),
    hasher,
    level: 1,
    segmentBytes: 262_144,
    packBytes: PACK_BYTES,
    recheck: true,
    nextTicket,
    nextBuffer: () => new Uint8Array(packBufferBytes(PACK_BYTES)),
    onPack: () => undefined,
  })
}

function pipelineOf(parts: Partial<PipelineParts> = {}): FilePipeline {
  return new FilePipeline({
    source,
    chunker,
    hasher,
    seen: new SeenTable(createSeenMemory([2 ** 14])),
    knows: () => false,
    filler: fillerOf(),
    run: new DeltaRun(() => undefined),
    params: DEFAULT_PARAMS,
    mediaParams: MEDIA_PARAMS,
    ...parts,
  })
}

const run = (paths: readonly string[], pipeline = pipelineOf()) =>
  pipeline.files({ kind: 'files', paths, names: paths.map((path) => path.slice(path.lastIndexOf('/') + 1)) })

/** The entry of file `index` with its items, wherever the result has them. */
function entryOf(result: FilesResult, index = 0): { entry: Entry; items: ContentItem[] } {
  const long = result.long.find((file) => file.index === index)
  if (long !== undefined) return { entry: long.entry, items: [...readItems(long.items)] }
  const start = index === 0 ? 0 : result.ends[index - 1]!
  const entry = decodeEntry(result.encoded.subarray(start, result.ends[index]))
  return { entry, items: [...readItems(entry.content?.items ?? new Uint8Array(0))] }
}

/** What the items say the file holds. */
function joined(items: readonly ContentItem[]): Buffer {
  return Buffer.concat(
    items.map((item) => ('hole' in item ? Buffer.alloc(item.hole) : stored.get(hexOf(item.chunk))!.bytes)),
  )
}

describe('a file in the pipeline', () => {
  it('comes back from its items, whatever its size', () => {
    const chance = new Chance(50)
    const sizes = [0, 1, 4095, 16_384, 100_000, 1_048_576, WINDOW - 1, WINDOW, WINDOW + 1, 3 * WINDOW + 777]
    sizes.forEach((size, index) => {
      source.file(`/${index}`, index % 2 === 0 ? chance.bytes(size) : chance.text(size))
    })
    const result = run(sizes.map((_, index) => `/${index}`))
    sizes.forEach((size, index) => {
      const { entry, items } = entryOf(result, index)
      expect([entry.name, entry.size, entry.changed]).toEqual([String(index), size, false])
      expect(joined(items).equals(source.at(`/${index}`, 'read').bytes)).toBe(true)
      expect(items.length === 0).toBe(size === 0)
    })
    expect(result.counts.read).toBe(sizes.reduce((sum, size) => sum + size, 0))
    expect(result.counts.newChunks).toBe(stored.size)
    expect(result.counts.newBytes).toBe(
      [...stored.values()].reduce((sum, { bytes }) => sum + bytes.length, 0),
    )
    expect(source.openDescriptors).toBe(0)
  })

  it('has the same items when reads bring little at a time', () => {
    source.file('/a', new Chance(51).bytes(700_000))
    const whole = entryOf(run(['/a'])).items.map((item) => JSON.stringify(item))
    const read = source.read.bind(source)
    const chance = new Chance(52)
    source.read = (fd, into, at, bytes, position) =>
      read(fd, into, at, Math.min(bytes, 1 + chance.int(9000)), position)
    expect(entryOf(run(['/a'])).items.map((item) => JSON.stringify(item))).toEqual(whole)
  })

  it('keeps stat and attributes, and its hard links where it has some', () => {
    const xattrs = [{ name: 'user.a', value: Uint8Array.of(1, 2) }]
    source.file('/a', new Chance(53).bytes(10), {
      stat: { mode: 0o4711, links: 2, device: 9, inode: 77 },
      xattrs,
    })
    source.file('/b', new Chance(53).bytes(10))
    const result = run(['/a', '/b'])
    const { entry } = entryOf(result)
    expect(entry).toMatchObject({ mode: 0o4711, inode: 77, hardLink: { links: 2, device: 9 }, type: 'file' })
    expect(hexOf(entry.xattrs![0]!.value)).toBe('0102')
    expect(entryOf(result, 1).entry.hardLink).toBeUndefined()
  })

  it('stores a chunk once, and none that the repository knows', () => {
    const bytes = new Chance(54).bytes(300_000)
    source.file('/a', bytes)
    source.file('/b', bytes)
    const pipeline = pipelineOf()
    const first = run(['/a'], pipeline)
    const second = run(['/b'], pipeline)
    expect(first.counts.newChunks).toBe(first.counts.chunks)
    expect(second.counts).toEqual({ read: 300_000, chunks: first.counts.chunks, newChunks: 0, newBytes: 0 })
    expect(joined(entryOf(second).items).equals(bytes)).toBe(true)
    expect(run(['/a'], pipelineOf({ knows: () => true })).counts.newChunks).toBe(0)
  })

  it('has its list apart where it is longer than 64 chunks', () => {
    source.file('/a', new Chance(55).text(3_000_000))
    source.file('/b', new Chance(56).text(100))
    const result = run(['/a', '/b'])
    expect(result.long.map(({ index }) => index)).toEqual([0])
    expect([...result.ends][0]).toBe(0)
    expect(result.long[0]!.items.length / 33).toBeGreaterThan(64)
    expect(result.long[0]!.entry).toMatchObject({ name: 'a', size: 3_000_000 })
    expect(entryOf(result, 1).entry).toMatchObject({ name: 'b', size: 100 })
  })
})

describe('a file with holes', () => {
  const HOLE = 1_000_000

  function sparse(extents: readonly (readonly [number, number])[], size: number): Buffer {
    const bytes = Buffer.alloc(size)
    const chance = new Chance(57)
    for (const [offset, length] of extents) bytes.set(chance.bytes(length), offset)
    const list = extents.map(([offset, length]) => ({ offset, bytes: length }))
    source.file('/s', bytes, { stat: { allocated: 0 }, extents: list })
    return bytes
  }

  it.each<[string, [number, number][], number]>([
    ['nothing but a hole', [], HOLE],
    ['a hole before its data', [[HOLE, 50_000]], HOLE + 50_000],
    ['a hole behind its data', [[0, 50_000]], HOLE],
    [
      'holes between its data',
      [
        [4096, 50_000],
        [HOLE, 20_000],
        [HOLE + 65_536, 1],
      ],
      2 * HOLE,
    ],
  ])('keeps %s', (_, extents, size) => {
    const bytes = sparse(extents, size)
    const result = run(['/s'])
    const { entry, items } = entryOf(result)
    expect(entry).toMatchObject({ size, changed: false })
    expect(joined(items).equals(bytes)).toBe(true)
    const data = extents.reduce((sum, [, length]) => sum + length, 0)
    const holes = items.reduce((sum, item) => sum + ('hole' in item ? item.hole : 0), 0)
    expect([result.counts.read, holes]).toEqual([data, size - data])
  })

  it('gives the same bytes piece by piece', () => {
    const bytes = sparse(
      [
        [4096, 50_000],
        [HOLE, 20_000],
      ],
      2 * HOLE,
    )
    const fd = source.open('/s')
    const pipeline = pipelineOf()
    const pieces = [
      [0, 30_000],
      [30_000, 500_000],
      [530_000, 480_000],
      [1_010_000, 990_000],
    ].map(([offset, length]) =>
      pipeline.piece({ kind: 'piece', path: '/s', fd, range: { offset: offset!, bytes: length! } }),
    )
    expect(pieces.map((piece) => [piece.bytes, piece.failed])).toEqual([
      [30_000, undefined],
      [500_000, undefined],
      [480_000, undefined],
      [990_000, undefined],
    ])
    expect(joined(pieces.flatMap((piece) => [...readItems(piece.items)])).equals(bytes)).toBe(true)
    expect(source.openDescriptors).toBe(1) // whoever opened it closes it
  })
})

describe('the verdict on what does not get smaller', () => {
  const jpeg = (size: number) => {
    const bytes = new Chance(58).bytes(size)
    bytes.set([0xff, 0xd8, 0xff])
    return bytes
  }

  it('cuts media large and stores them as they are', () => {
    source.file('/photo', jpeg(2_000_000))
    const { items } = entryOf(run(['/photo']))
    expect([...stored.values()].every(({ compress }) => !compress)).toBe(true)
    expect(items.length).toBeLessThan(2_000_000 / MEDIA_PARAMS.min)
    for (const { bytes } of [...stored.values()].slice(0, -1)) {
      expect(bytes.length).toBeLessThanOrEqual(MEDIA_PARAMS.max)
    }
  })

  it('cuts everything else small and compresses it', () => {
    source.file('/text', new Chance(59).text(2_000_000))
    const { items } = entryOf(run(['/text']))
    expect([...stored.values()].every(({ compress }) => compress)).toBe(true)
    expect(items.length).toBeGreaterThan(2_000_000 / DEFAULT_PARAMS.max)
  })

  it('is not worth its while for small files', () => {
    source.file('/small', jpeg(16_383))
    run(['/small'])
    expect([...stored.values()].every(({ compress }) => compress)).toBe(true)
  })

  it('is the same for each piece of a file', () => {
    const bytes = jpeg(600_000)
    bytes.fill(0x61, 300_000)
    source.file('/photo', bytes)
    const fd = source.open('/photo')
    pipelineOf().piece({ kind: 'piece', path: '/photo', fd, range: { offset: 300_000, bytes: 300_000 } })
    expect([...stored.values()].map(({ compress }) => compress)).toEqual([false])
  })
})

describe('a file that changes while it is read', () => {
  const changing = (times: number, change: (file: MemoryFile) => void) => {
    const file = source.file('/a', new Chance(60).text(50_000))
    let left = times
    file.onRead = (of, position) => {
      if (left > 0 && position === 0) {
        left -= 1
        change(of)
      }
    }
    return file
  }
  const touch = (file: MemoryFile) => {
    file.stat = { ...file.stat, mtimeNsec: (file.stat.mtimeNsec ?? 0) + 1 }
  }

  it.each([1, 2])('is read again and is whole, where it comes to rest after %i times', (times) => {
    const file = changing(times, (of) => {
      touch(of)
      of.bytes = new Chance(of.stat.mtimeNsec!).text(60_000)
    })
    const result = run(['/a'])
    const { entry, items } = entryOf(result)
    expect(entry).toMatchObject({ changed: false, size: 60_000, mtimeNsec: times })
    expect(joined(items).equals(file.bytes)).toBe(true)
    expect(result.changed).toEqual([])
    expect(source.opened.get('/a')).toBe(1)
  })

  it('is stored with a mark after three times', () => {
    source.file('/still', new Uint8Array(5))
    const file = changing(99, touch)
    const result = run(['/still', '/a'])
    expect(entryOf(result, 1).entry).toMatchObject({ changed: true, size: 50_000 })
    expect(joined(entryOf(result, 1).items).equals(file.bytes)).toBe(true)
    expect(result.changed).toEqual([1])
    expect(result.counts.read).toBe(150_005)
    expect(file.stat.mtimeNsec).toBe(3)
  })

  it('has the size that its items add up to where it shrinks or grows all the time', () => {
    for (const step of [-1000, 1000]) {
      changing(99, (of) => {
        touch(of)
        of.bytes = new Chance(61).text(of.bytes.length + step)
      })
      const { entry, items } = entryOf(run(['/a']))
      expect(entry.changed).toBe(true)
      expect(joined(items).length).toBe(entry.size)
      source.remove('/a')
    }
  })
})

describe('a file that cannot be read', () => {
  it.each<[string, Partial<MemoryFile>, string]>([
    ['may not be opened', { fails: { open: 'EACCES' } }, 'EACCES'],
    ['is a symlink by now', { fails: { open: 'ELOOP' } }, 'ELOOP'],
    ['has a bad sector', { fails: { read: 'EIO' } }, 'EIO'],
    ['lies on a server that is gone', { fails: { fstat: 'ESTALE' } }, 'ESTALE'],
    ['cannot be closed', { fails: { close: 'EIO' } }, 'EIO'],
    ['vanishes before its attributes are read', { fails: { xattrs: 'ENOENT' } }, 'ENOENT'],
  ])('is reported where it %s, and the others are stored', (_, parts, reason) => {
    source.file('/a', new Chance(62).text(5000))
    source.file('/bad', new Chance(63).text(5000), parts)
    source.file('/c', new Chance(64).text(5000))
    const result = run(['/a', '/bad', '/c'])
    expect(result.failed).toEqual([{ index: 1, reason }])
    expect(result.ends[1]).toBe(result.ends[0])
    expect(joined(entryOf(result, 0).items).length).toBe(5000)
    expect(joined(entryOf(result, 2).items).equals(source.at('/c', 'read').bytes)).toBe(true)
    expect(source.openDescriptors).toBe(0)
  })

  it('is gone where it has vanished', () => {
    expect(run(['/gone']).failed).toEqual([{ index: 0, reason: 'ENOENT' }])
  })

  it('is no file any more where something else has taken its place', () => {
    source.put('/fifo', 'fifo')
    expect(run(['/fifo']).failed).toEqual([{ index: 0, reason: 'REPLACED' }])
    expect(source.openDescriptors).toBe(0)
  })

  it('fails in its middle without leaving half an entry', () => {
    const file = source.file('/a', new Chance(65).bytes(5_000_000))
    file.onRead = (of, position) => {
      if (position > 3_000_000) of.fails = { read: 'EIO' }
    }
    const result = run(['/a'])
    expect(result).toMatchObject({ failed: [{ index: 0, reason: 'EIO' }], long: [] })
    expect(result.encoded).toHaveLength(0)
  })

  it('fails as a piece where it has a bad sector', () => {
    source.file('/a', new Chance(66).bytes(50_000), { fails: { read: 'EIO' } })
    const fd = source.open('/a')
    const piece = pipelineOf().piece({ kind: 'piece', path: '/a', fd, range: { offset: 0, bytes: 50_000 } })
    expect(piece).toMatchObject({ failed: 'EIO', bytes: 0 })
    expect(piece.items).toHaveLength(0)
  })

  it('gives a shorter piece where it has shrunk', () => {
    source.file('/a', new Chance(67).bytes(70_000))
    const fd = source.open('/a')
    const range = { offset: 50_000, bytes: 50_000 }
    const piece = pipelineOf().piece({ kind: 'piece', path: '/a', fd, range })
    expect(piece.bytes).toBe(20_000)
    expect(joined([...readItems(piece.items)]).equals(source.at('/a', 'read').bytes.subarray(50_000))).toBe(
      true,
    )
  })
})

describe('what a file system may hold and the format may not', () => {
  it('leaves out attributes beyond the limits, so that the entry can be read again', () => {
    const many = Array.from({ length: 1500 }, (_, at) => ({
      name: `user.${1000 + at}`,
      value: new Uint8Array(1),
    }))
    const large = Array.from({ length: 3 }, (_, at) => ({
      name: `user.${at}`,
      value: new Uint8Array(6_000_000),
    }))
    source.file('/many', new Uint8Array(1), { xattrs: many })
    source.file('/large', new Uint8Array(1), { xattrs: large })
    const result = run(['/many', '/large'])
    expect(entryOf(result, 0).entry.xattrs).toHaveLength(1024)
    expect(entryOf(result, 1).entry.xattrs).toHaveLength(2)
  })

  it('keeps a time that no calendar has within what an entry holds', () => {
    source.file('/far', new Uint8Array(1), {
      stat: { mtimeSec: 2 ** 63, ctimeSec: -(2 ** 63), mtimeNsec: 4e9 },
    })
    expect(entryOf(run(['/far'])).entry).toMatchObject({
      mtimeSec: 2 ** 53 - 1,
      ctimeSec: 1 - 2 ** 53,
      mtimeNsec: 999_999_999,
    })
  })
})

describe('an error of packs', () => {
  const failing = (error: Error) =>
    fillerOf(() => {
      throw error
    })

  it('is thrown, never reported as a source that cannot be read', () => {
    source.file('/a', new Chance(68).bytes(3_000_000))
    const pipeline = pipelineOf({ filler: failing(new SnapError('REPOSITORY_FULL', 'no space')) })
    expect(codeOf(() => run(['/a'], pipeline))).toBe('REPOSITORY_FULL')
    expect(source.openDescriptors).toBe(0)
    const fd = source.open('/a')
    const range = { offset: 0, bytes: 3_000_000 }
    const piece = () => pipeline.piece({ kind: 'piece', path: '/a', fd, range })
    expect(codeOf(() => void piece())).toBe('REPOSITORY_FULL')
  })

  it('is thrown even where it looks like a system call of the source', () => {
    source.file('/a', new Chance(69).bytes(3_000_000))
    const full = systemError('ENOSPC', 'write', '/repository')
    expect(() => run(['/a'], pipelineOf({ filler: failing(full) }))).toThrow('ENOSPC')
    const knows = () => {
      throw systemError('EIO', 'read', '/manifest')
    }
    expect(() => run(['/a'], pipelineOf({ knows }))).toThrow('/manifest')
    expect(source.openDescriptors).toBe(0)
  })

  it('is thrown where the source throws what is no system error', () => {
    source.file('/a', new Uint8Array(10))
    source.fstat = () => {
      throw new TypeError('a mistake of ours')
    }
    expect(() => run(['/a'])).toThrow('a mistake of ours')
    expect(source.openDescriptors).toBe(0)
  })
})

describe('ids', () => {
  it('are the keyed hash of the plaintext', () => {
    source.file('/a', new Chance(70).text(500))
    run(['/a'])
    expect([...stored.keys()]).toEqual([hexOf(idOf(source.at('/a', 'read').bytes))])
  })
})
