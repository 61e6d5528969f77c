import { beforeAll, describe, expect, it } from 'vitest'
import { DEFAULT_PARAMS, MEDIA_PARAMS } from '../../../src/chunker/params.ts'
import { createZstd } from '../../../src/codec/zstd.ts'
import { type Box, loadBox } from '../../../src/crypto/box.ts'
import { SnapError } from '../../../src/model/errors.ts'
import type { PackTable } from '../../../src/model/pack-table.ts'
import { openPackKeys, type PackReaderSecrets } from '../../../src/pack/pack-header.ts'
import { openPackSegment } from '../../../src/pack/pack-reader.ts'
import { decodeSegment, readSegmentHeader } from '../../../src/pack/segment.ts'
import { readItems } from '../../../src/snapshot/content.ts'
import { decodeEntry } from '../../../src/snapshot/entry.ts'
import { NO_BASES_READ } from '../../../src/workers/bases.ts'
import type { ExecutorPorts } from '../../../src/workers/executor.ts'
import { createInThreadExecutor } from '../../../src/workers/in-thread.ts'
import { createSeenMemory } from '../../../src/workers/seen-table.ts'
import type { PipelineSetup, Task } from '../../../src/workers/tasks.ts'
import { Chance, ID_KEY, makeSecrets, makeTicket, REPOSITORY } from '../../support/builders.ts'
import { MemorySource } from '../../support/memory-source.ts'

let box: Box
let secrets: PackReaderSecrets

beforeAll(async () => {
  box = await loadBox()
  secrets = makeSecrets(box)
})

const setup = (): PipelineSetup => ({
  idKey: ID_KEY,
  gearSecret: new Uint8Array(32).fill(5),
  chunk: DEFAULT_PARAMS,
  media: MEDIA_PARAMS,
  segmentBytes: 65_536,
  packBytes: 262_144,
  compression: 'auto',
  recheck: true,
  seen: createSeenMemory([2 ** 14]),
  manifestPath: undefined,
  reliance: { run: 1, others: [], upTo: 0 },
  deltas: true,
})

type Stored = { bytes: Uint8Array; table: PackTable }

function executorOf(source: MemorySource, store?: ExecutorPorts['store']) {
  const stored: Stored[] = []
  const executor = createInThreadExecutor(
    setup(),
    {
      ticket: () => makeTicket(box, secrets),
      store: async (pack) => {
        await store?.(pack)
        stored.push({ bytes: pack.bytes.slice(), table: pack.table })
      },
      bases: async () => NO_BASES_READ,
    },
    source,
  )
  return { executor, stored }
}

const filesOf = (...paths: string[]): Task => ({
  kind: 'files',
  paths,
  names: paths.map((path) => path.slice(1)),
})
const turns = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}

/** All chunks of stored packs by id, as a reader with the keys finds them. */
function chunksOf(packs: readonly Stored[]): Map<string, Uint8Array> {
  const zstd = createZstd()
  const chunks = new Map<string, Uint8Array>()
  for (const { bytes, table } of packs) {
    const keys = openPackKeys(bytes, REPOSITORY, table.id, secrets, box)
    let at = 160
    table.segments.forEach((row, number) => {
      const segment = openPackSegment(table.id, bytes, keys, number, bytes.subarray(at, at + row.sealed))
      at += row.sealed
      const header = readSegmentHeader(segment)
      const plain = decodeSegment(zstd, segment, header, new Uint8Array(header.plain))
      let start = 0
      row.chunkLengths.forEach((length, index) => {
        const id = Buffer.from(row.chunkIds.subarray(index * 32, index * 32 + 32)).toString('hex')
        chunks.set(id, plain.slice(start, start + length))
        start += length
      })
    })
  }
  return chunks
}

describe('the executor on this thread', () => {
  it('has every chunk of its tasks in stored packs after a flush', async () => {
    const source = new MemorySource()
    const chance = new Chance(80)
    const { executor, stored } = executorOf(source)
    const results: { path: string; items: Uint8Array }[] = []
    for (let index = 0; index < 12; index++) {
      const path = `/${index}`
      source.file(path, index % 2 === 0 ? chance.bytes(200_000) : chance.text(200_000))
      const result = await executor.run(filesOf(path))
      if (result.kind !== 'files') throw new Error('a files task has a files result')
      results.push({ path, items: decodeEntry(result.encoded).content!.items })
    }
    await executor.flush()
    const chunks = chunksOf(stored)
    for (const { path, items } of results) {
      const parts = [...readItems(items)].map(
        (item) => chunks.get(Buffer.from('chunk' in item ? item.chunk : '').toString('hex'))!,
      )
      expect(Buffer.concat(parts).equals(source.at(path, 'read').bytes)).toBe(true)
    }
    expect(stored.length).toBeGreaterThan(3)
    await executor.flush()
    await executor[Symbol.asyncDispose]()
  })

  it('is not done with a flush before every pack is stored, whichever task filled it', async () => {
    const source = new MemorySource()
    source.file('/a', new Chance(81).bytes(300_000))
    source.file('/b', new Chance(82).bytes(4_000_000))
    const waiting: (() => void)[] = []
    const { executor, stored } = executorOf(source, () => new Promise((resolve) => waiting.push(resolve)))
    const left: number[] = []
    const all = Promise.all([
      executor.run(filesOf('/a')),
      executor.run(filesOf('/b')),
      executor.flush().then(() => left.push(waiting.length)),
    ])
    for (await turns(); waiting.length > 0; await turns()) waiting.pop()!()
    await all
    expect(left).toEqual([0])
    expect(stored.length).toBeGreaterThan(3)
  })

  it('fails the task whose pack cannot be stored', async () => {
    const source = new MemorySource()
    source.file('/a', new Chance(83).bytes(900_000))
    const { executor } = executorOf(source, () =>
      Promise.reject(new SnapError('REPOSITORY_FULL', 'no space')),
    )
    await expect(executor.run(filesOf('/a'))).rejects.toMatchObject({ code: 'REPOSITORY_FULL' })
  })

  it('fails the flush where a pack of an earlier task could not be stored', async () => {
    const source = new MemorySource()
    source.file('/a', new Chance(83).bytes(900_000))
    let calls = 0
    const { executor } = executorOf(source, async () => {
      calls += 1
      if (calls === 1) throw new SnapError('STORAGE_FAILED', 'once')
    })
    await expect(executor.run(filesOf('/a'))).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
    await expect(executor.flush()).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
  })

  it('has one task under way, and pieces come back as pieces', async () => {
    const source = new MemorySource()
    const bytes = new Chance(84).bytes(100_000)
    source.file('/a', bytes)
    const { executor } = executorOf(source)
    expect(executor.parallel).toBe(1)
    const range = { offset: 10_000, bytes: 50_000 }
    const piece = await executor.run({ kind: 'piece', path: '/a', fd: source.open('/a'), range })
    expect(piece).toMatchObject({ kind: 'piece', bytes: 50_000, counts: { read: 50_000 } })
  })
})
