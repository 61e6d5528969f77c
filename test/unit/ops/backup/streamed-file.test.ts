import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StreamedFile } from '../../../../src/ops/backup/streamed-file.ts'
import { decodeContent } from '../../../../src/snapshot/content.ts'
import type { Entry } from '../../../../src/snapshot/entry.ts'
import { Chance } from '../../../support/builders.ts'
import { MemorySource } from '../../../support/memory-source.ts'
import { TestRepository } from '../../../support/repository.ts'

const MIB = 1_048_576
let test: TestRepository
const chance = new Chance(83)

beforeEach(async () => {
  test = await TestRepository.create()
  mkdirSync(test.source(), { recursive: true })
})
afterEach(async () => await test[Symbol.asyncDispose]())

/** In parts of all sizes, empty ones among them. */
function streamOf(name: string, bytes: Uint8Array, failure?: Error): StreamedFile {
  return {
    name,
    open: async function* () {
      for (let at = 0; at < bytes.length; ) {
        const size = chance.int(3) === 0 ? chance.int(3 * MIB) : chance.int(70_000)
        yield bytes.subarray(at, at + size)
        at += size
      }
      if (failure !== undefined) throw failure
    },
  }
}

const inDirectory = (name: string, ...files: StreamedFile[]) => ({ name, files })
const databases = (...files: StreamedFile[]) => [inDirectory('@db', ...files)]

async function entriesAt(id: Parameters<TestRepository['snapshot']>[0], ...names: string[]) {
  let content = decodeContent(test.snapshot(id).root)
  for (const name of names) {
    const { entries } = await test.repository.trees.tree(content)
    content = entries.find((entry) => entry.name === name)!.content!
  }
  return (await test.repository.trees.tree(content)).entries
}

async function restored(id: Parameters<TestRepository['snapshot']>[0], ...names: string[]): Promise<Buffer> {
  const target = join(test.directory, `restored-${chance.int(1e9)}`)
  await test.restore(id, target)
  return readFileSync(join(target, ...names))
}

describe('a stream in a backup', () => {
  it.each([0, 1, 8 * MIB, 8 * MIB + 1, 21 * MIB])('of %i bytes is restored as it was', async (size) => {
    const bytes = chance.bytes(size)
    const { snapshot, summary } = await test.backupWith({ streamed: databases(streamOf('app.sql', bytes)) })
    expect(Buffer.compare(await restored(snapshot, '@db', 'app.sql'), bytes)).toBe(0)
    expect(summary).toMatchObject({ filesNew: 1, filesTotal: 1, bytesTotal: size, unreadable: 0 })
    const [entry] = await entriesAt(snapshot, '@db')
    expect(entry).toMatchObject({ name: 'app.sql', type: 'file', mode: 0o600, size })
  })

  it('lies beside files and other streams of the same snapshot, in the order of their names', async () => {
    writeFileSync(test.source('file'), 'of the machine')
    const { snapshot } = await test.backupWith(
      {
        streamed: [
          inDirectory('@z', streamOf('b', Buffer.from('2')), streamOf('a', Buffer.from('1'))),
          inDirectory('@a', streamOf('c', Buffer.from('3'))),
        ],
      },
      test.source(),
    )
    const names = (await entriesAt(snapshot)).map(({ name }) => name)
    expect(names).toEqual(['@a', '@z', test.source().split('/')[1]])
    expect((await entriesAt(snapshot, '@z')).map(({ name }) => name)).toEqual(['a', 'b'])
    expect(String(await restored(snapshot, test.source('file').slice(1)))).toBe('of the machine')
  })

  it('lies beside what the root of the machine holds, where that is a source', async () => {
    const source = new MemorySource()
    source.file('/etc/hosts', Buffer.from('localhost'))
    source.file('/zebra', Buffer.from('stripes'))
    const streamed = databases(streamOf('app.sql', Buffer.from('rows')))
    const { snapshot } = await test.backupWith({ source, streamed }, '/')
    expect((await entriesAt(snapshot)).map(({ name }) => name)).toEqual(['@db', 'etc', 'zebra'])
  })

  it('is stored as the difference to the one before it', async () => {
    const day1 = chance.bytes(20 * MIB)
    const day2 = Buffer.concat([day1.subarray(0, 5 * MIB), Buffer.from('a new row'), day1.subarray(5 * MIB)])
    await test.backupWith({ streamed: databases(streamOf('app.sql', day1)) })
    const { summary, snapshot } = await test.backupWith({ streamed: databases(streamOf('app.sql', day2)) })
    expect(summary.filesChanged).toBe(1)
    expect(summary.bytesStored).toBeLessThan(120_000)
    expect(Buffer.compare(await restored(snapshot, '@db', 'app.sql'), day2)).toBe(0)
  })

  it('that fails is no file, and says why: what it had printed by then is no dump', async () => {
    writeFileSync(test.source('file'), 'of the machine')
    const failure = new Error('pg_dump ended with status 1: no such table\nand more')
    const streamed = databases(
      streamOf('bad.sql', chance.bytes(9 * MIB), failure),
      streamOf('good.sql', Buffer.from('rows')),
    )
    const { snapshot, unreadable } = await test.backupWith({ streamed }, test.source())
    const reason = 'pg_dump ended with status 1: no such table'
    expect(unreadable).toEqual([{ path: '/@db/bad.sql', reason }])
    const [bad, good] = (await entriesAt(snapshot, '@db')) as [Entry, Entry]
    expect(bad).toMatchObject({ name: 'bad.sql', content: undefined, size: 0, unreadable: reason })
    expect(good).toMatchObject({ name: 'good.sql', size: 4, unreadable: undefined })
  })

  it.each<[string, string]>([
    ['', 'it failed and does not say why'],
    ['ü'.repeat(200), 'ü'.repeat(128)],
    [`${'a'.repeat(254)}😀`, 'a'.repeat(254)],
  ])('that fails with %j has a reason that an entry can hold', async (message, reason) => {
    const streamed = databases(
      streamOf('bad', new Uint8Array(0), new Error(message)),
      streamOf('good', Buffer.from('rows')),
    )
    expect((await test.backupWith({ streamed })).unreadable).toEqual([{ path: '/@db/bad', reason }])
  })

  it('that cannot begin is a failure like any other', async () => {
    const open = (): never => {
      throw new Error('no such command')
    }
    const streamed = databases({ name: 'bad', open }, streamOf('good', Buffer.from('rows')))
    const { unreadable } = await test.backupWith({ streamed })
    expect(unreadable).toEqual([{ path: '/@db/bad', reason: 'no such command' }])
  })

  it('saves nothing where it is all there is and it fails', async () => {
    const streamed = databases(streamOf('bad', chance.bytes(100), new Error('broken')))
    await expect(test.backupWith({ streamed })).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE' })
    expect(test.repository.log.state.snapshots.size).toBe(0)
  })

  it('is refused where the machine has a directory in its place', async () => {
    const source = new MemorySource()
    source.put('/@db', 'dir')
    const streamed = databases(streamOf('a', Buffer.from('1')))
    await expect(test.backupWith({ source, streamed })).rejects.toMatchObject({ code: 'USAGE' })
  })

  it('or a path is needed', async () => {
    await expect(test.backupWith({ streamed: [] })).rejects.toMatchObject({ code: 'USAGE' })
  })

  it('begins when the one before it has ended', async () => {
    const log: string[] = []
    const watched = (name: string): StreamedFile => ({
      name,
      open: async function* () {
        log.push(`begin ${name}`)
        yield chance.bytes(100)
        await new Promise((resolve) => setTimeout(resolve, 5))
        log.push(`end ${name}`)
      },
    })
    await test.backupWith({ streamed: databases(watched('a'), watched('b'), watched('c')) })
    expect(log).toEqual(['begin a', 'end a', 'begin b', 'end b', 'begin c', 'end c'])
  })

  it('is told when nobody wants the rest', async () => {
    const controller = new AbortController()
    let isOver = false
    const file: StreamedFile = {
      name: 'endless',
      open: async function* () {
        try {
          for (let count = 0; ; count++) {
            if (count === 100) controller.abort(new Error('enough'))
            yield chance.bytes(1000)
          }
        } finally {
          isOver = true
        }
      },
    }
    const streamed = databases(file)
    await expect(test.backupWith({ streamed, signal: controller.signal })).rejects.toThrow('enough')
    expect(isOver).toBe(true)
  })
})
