import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ByteWriter } from '../../../../src/base/bytes.ts'
import { type Box, loadBox } from '../../../../src/crypto/box.ts'
import { SnapError } from '../../../../src/model/errors.ts'
import { DirectoryNode } from '../../../../src/ops/backup/directory-node.ts'
import { FileQueue } from '../../../../src/ops/backup/file-queue.ts'
import type { ChunkReader } from '../../../../src/repository/chunk-reader.ts'
import { decodeEntry } from '../../../../src/snapshot/entry.ts'
import { fileBytesOf } from '../../../../src/snapshot/same-entry.ts'
import { PIECE_BYTES } from '../../../../src/workers/tasks.ts'
import { Chance } from '../../../support/builders.ts'
import { MemorySource } from '../../../support/memory-source.ts'
import { itemFor, listStore, ShuffledExecutor } from './parts.ts'

const MIB = 1_048_576

let box: Box
let source: MemorySource
let executor: ShuffledExecutor
let lists: ReturnType<typeof listStore>
let queue: FileQueue
let node: DirectoryNode
let events: string[]

beforeAll(async () => {
  box = await loadBox()
})

beforeEach(() => {
  source = new MemorySource()
  executor = new ShuffledExecutor(new Chance(100), source)
  lists = listStore(box)
  node = new DirectoryNode({ name: 'd', path: '/d', stat: undefined, previous: undefined, parent: undefined })
  events = []
  const chunks = {
    items: () => {
      throw new Error('no list is read')
    },
  } as unknown as ChunkReader
  queue = new FileQueue(
    {
      executor,
      contents: lists.contents,
      source,
      former: { chunks, isStored: true },
      clock: { now: () => 0 },
      signal: new AbortController().signal,
    },
    {
      stored: (file, encoded) => events.push(`stored ${file.path} ${fileBytesOf(encoded)}`),
      unreadable: (file, reason) => events.push(`unreadable ${file.path} ${reason}`),
      isReplaced: (file, reason) => reason === 'REPLACED' && events.push(`replaced ${file.path}`) > 0,
      changed: (file) => events.push(`changed ${file.path}`),
      settled: () => undefined,
    },
  )
})

function add(name: string, size = 100, into = node): number {
  const path = `${into.path}/${name}`
  source.file(path, new Uint8Array(0), { stat: { size } })
  const slot = into.reserve()
  queue.add({ node: into, slot, path, name, stat: source.lstat(path), why: 'new' })
  return slot
}

const entryAt = (slot: number, of = node) => decodeEntry(of.slots[slot]!)
const drained = () => executor.until(queue.drain())

describe('the queue of files', () => {
  it('is crowded when 32,768 files wait or are under way', () => {
    add('first')
    const stat = source.lstat(`${node.path}/first`)
    for (let files = 1; files < 32_768; files++) {
      expect(queue.isCrowded).toBe(false)
      queue.add({ node, slot: node.reserve(), path: `${node.path}/first`, name: 'first', stat, why: 'new' })
    }
    expect(queue.isCrowded).toBe(true)
  })

  it('puts each entry in its slot, in whatever order the tasks are done', async () => {
    const nodes = Array.from(
      { length: 20 },
      (_, index) =>
        new DirectoryNode({
          name: `${index}`,
          path: `/${index}`,
          stat: undefined,
          previous: undefined,
          parent: undefined,
        }),
    )
    const added = Array.from({ length: 3000 }, (_, index) => {
      const into = nodes[index % 20]!
      return { into, name: `f${index}`, slot: add(`f${index}`, (index * 7919) % 500_000, into) }
    })
    for (const each of nodes) each.listed()
    await drained()
    for (const { into, name, slot } of added) {
      const { content, ...entry } = entryAt(slot, into)
      expect(entry.name).toBe(name)
      expect(Buffer.from(content!.items).equals(itemFor(`${into.path}/${name}`))).toBe(true)
    }
    expect(nodes.every((each) => each.isComplete)).toBe(true)
    expect(events).toHaveLength(3000)
    expect(queue.counts.read).toBe(3000)
  })

  it('makes tasks of neighbours: at most 256 files, and 8 MiB until the last', async () => {
    const sizes = Array.from({ length: 1500 }, (_, index) => (index < 700 ? 10 : (index * 7919) % MIB))
    sizes.forEach((size, index) => {
      add(`f${index}`, size)
    })
    await drained()
    const paths = executor.tasks.flatMap((task) => (task.kind === 'files' ? task.paths : []))
    expect(paths).toEqual(sizes.map((_, index) => `/d/f${index}`))
    for (const task of executor.tasks) {
      if (task.kind !== 'files') throw new Error('no pieces here')
      const bytes = task.paths.slice(0, -1).reduce((sum, path) => sum + source.lstat(path).size, 0)
      expect(task.paths.length).toBeLessThanOrEqual(256)
      expect(bytes).toBeLessThan(8 * MIB)
    }
    expect(executor.tasks.length).toBeLessThan(120)
  })

  it('records what cannot be read, leaves out what vanished, and marks what changed', async () => {
    const [ok, bad, gone, restless] = ['ok', 'bad', 'gone', 'restless'].map((name) => add(name))
    executor.failing.set('/d/bad', 'EACCES').set('/d/gone', 'ENOENT')
    executor.changed.add('/d/restless')
    node.listed()
    await drained()
    expect(entryAt(ok!)).toMatchObject({ name: 'ok', unreadable: undefined })
    expect(entryAt(bad!)).toMatchObject({ name: 'bad', unreadable: 'EACCES', size: 100, content: undefined })
    expect(node.slots[gone!]).toBeUndefined()
    expect(entryAt(restless!).name).toBe('restless')
    expect(node.isComplete).toBe(true)
    expect(events.sort()).toEqual([
      'changed /d/restless',
      'stored /d/ok 100',
      'stored /d/restless 100',
      'unreadable /d/bad EACCES',
    ])
  })

  it('leaves the slot of what has become something else to whoever it tells', async () => {
    const slot = add('other')
    executor.failing.set('/d/other', 'REPLACED')
    node.listed()
    await drained()
    expect(events).toEqual(['replaced /d/other'])
    expect(node.isComplete).toBe(false)
    node.fill(slot, Uint8Array.of(1))
    expect(node.isComplete).toBe(true)
  })

  it('stores a long list of chunks apart from the entry', async () => {
    const items = new ByteWriter()
    for (let index = 0; index < 1000; index++) items.raw(itemFor('x', index))
    executor.long.set('/d/long', items.done())
    const slots = ['a', 'long', 'z'].map((name) => add(name))
    await drained()
    const { content } = entryAt(slots[1]!)
    expect(content!.levels).toBeGreaterThan(0)
    expect(lists.resolved(content!).equals(items.view())).toBe(true)
    expect(slots.map((slot) => entryAt(slot).name)).toEqual(['a', 'long', 'z'])
  })

  it('is crowded at 32,768 files, and has room again when some are done', async () => {
    for (let index = 0; index < 32_767; index++) add(`f${index}`, 1)
    expect(queue.isCrowded).toBe(false)
    add('last', 1)
    expect(queue.isCrowded).toBe(true)
    let hasRoom = false
    const room = queue.room().then(() => {
      hasRoom = true
    })
    await new Promise<void>((resolve) => setImmediate(resolve))
    expect(hasRoom).toBe(false)
    executor.answer()
    await room
    expect(queue.isCrowded).toBe(false)
    await drained()
  })

  it('fails with what a task threw, at the next wait and at the end', async () => {
    add('a')
    const drain = queue.drain()
    executor.answer(new SnapError('REPOSITORY_FULL', 'no space'))
    await expect(drain).rejects.toMatchObject({ code: 'REPOSITORY_FULL' })
    expect(queue.isCrowded).toBe(true)
    await expect(queue.room()).rejects.toMatchObject({ code: 'REPOSITORY_FULL' })
    await expect(queue.drain()).rejects.toMatchObject({ code: 'REPOSITORY_FULL' })
  })
})

describe('a large file in the queue', () => {
  const SIZE = 20 * PIECE_BYTES + 12_345

  it('goes in pieces, whose items come in order whatever the order of the answers', async () => {
    const slot = add('image', SIZE)
    const small = add('small')
    await drained()
    const pieces = executor.tasks.flatMap((task) => (task.kind === 'piece' ? [task.range] : []))
    expect(pieces).toHaveLength(21)
    expect(pieces.reduce((at, { offset, bytes }) => (offset === at ? at + bytes : -1), 0)).toBe(SIZE)
    const { content, size, changed, unreadable } = entryAt(slot)
    expect({ size, changed, unreadable }).toEqual({ size: SIZE, changed: false, unreadable: undefined })
    const expected = Buffer.concat(pieces.map(({ offset }) => itemFor('/d/image', offset)))
    expect(lists.resolved(content!).equals(expected)).toBe(true)
    expect(entryAt(small).name).toBe('small')
    expect(executor.waitingMost).toBeLessThanOrEqual(executor.parallel + 2)
    expect(queue.counts.chunks).toBe(21)
  })

  it('is left out where it vanishes and recorded where it cannot be read', async () => {
    const [bad, gone] = [add('bad', SIZE), add('gone', SIZE)]
    executor.failing.set('/d/bad', 'EIO').set('/d/gone', 'ENOENT')
    node.listed()
    await drained()
    expect(entryAt(bad)).toMatchObject({ unreadable: 'EIO', size: SIZE, content: undefined })
    expect(node.slots[gone]).toBeUndefined()
    expect(node.isComplete).toBe(true)
  })

  it('is read again where it changed meanwhile, and is whole where it is at rest then', async () => {
    const slot = add('log', SIZE)
    const file = source.at('/d/log', 'lstat')
    file.stat = { ...file.stat, size: SIZE + PIECE_BYTES, mtimeNsec: 5 }
    await drained()
    expect(entryAt(slot)).toMatchObject({ size: SIZE + PIECE_BYTES, changed: false, mtimeNsec: 5 })
    expect(executor.tasks).toHaveLength(21 + 22)
  })

  it('is read to its end where another takes its name meanwhile', async () => {
    const slot = add('image', SIZE)
    source.file('/d/image', new Uint8Array(0), { stat: { size: SIZE, inode: 4711 } })
    const inode = source.lstat('/d/image').inode
    await drained()
    const { size, changed, unreadable, inode: read } = entryAt(slot)
    expect({ size, changed, unreadable }).toEqual({ size: SIZE, changed: false, unreadable: undefined })
    expect(read).not.toBe(inode)
    expect(source.opened.get('/d/image')).toBe(1)
    expect(source.openDescriptors).toBe(0)
  })

  it('that may not be opened is recorded', async () => {
    source.file('/d/closed', new Uint8Array(0), { stat: { size: SIZE }, fails: { open: 'EACCES' } })
    const slot = node.reserve()
    queue.add({ node, slot, path: '/d/closed', name: 'closed', stat: source.lstat('/d/closed'), why: 'new' })
    await drained()
    expect(entryAt(slot)).toMatchObject({ unreadable: 'EACCES', content: undefined })
  })

  it('is marked where it keeps changing, with the size that its items add up to', async () => {
    const slot = add('log', SIZE)
    executor.shrunk.set('/d/log', SIZE - 1000)
    await drained()
    expect(entryAt(slot)).toMatchObject({ size: SIZE - 1000, changed: true })
    expect(events).toEqual(['changed /d/log', `stored /d/log ${SIZE - 1000}`])
  })

  it('fails with what a piece threw', async () => {
    add('image', SIZE)
    const drain = queue.drain()
    executor.answer(new SnapError('STORAGE_FAILED', 'gone'))
    await expect(executor.until(drain)).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
  })
})
