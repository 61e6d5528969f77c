import { beforeEach, describe, expect, it } from 'vitest'
import { compareNames, nameFromBytes } from '../../../../src/base/names.ts'
import { createIgnoreRules } from '../../../../src/filesystem/ignore-rules.ts'
import type { DirectoryNode, PreviousDirectory } from '../../../../src/ops/backup/directory-node.ts'
import type { QueuedFile } from '../../../../src/ops/backup/file-queue.ts'
import { rootTree } from '../../../../src/ops/backup/roots.ts'
import { Walk, type WalkOptions } from '../../../../src/ops/backup/walk.ts'
import type { Content } from '../../../../src/snapshot/content.ts'
import { decodeEntry, type Entry, encodeEntry } from '../../../../src/snapshot/entry.ts'
import { encodeTree, splitTree } from '../../../../src/snapshot/tree.ts'
import { entryOf } from '../../../../src/workers/file-pipeline.ts'
import { Chance, idOf } from '../../../support/builders.ts'
import { MemorySource } from '../../../support/memory-source.ts'
import { itemFor } from './parts.ts'

let source: MemorySource
/** Encoded directories by the id in their content. */
let trees: Map<string, Uint8Array>

beforeEach(() => {
  source = new MemorySource()
  trees = new Map()
})

const OPTIONS: WalkOptions = {
  full: false,
  oneFileSystem: false,
  largestFile: undefined,
  excludeCaches: false,
  rulesAt: () => createIgnoreRules([]),
  ignoreFile: undefined,
  isCacheDirectory: () => false,
  neverPaths: new Set(),
}

const keyOf = (content: Content) => Buffer.from(content.items).toString('hex')

function previousOf(content: Content | undefined): PreviousDirectory | undefined {
  const bytes = content === undefined ? undefined : trees.get(keyOf(content))
  return bytes === undefined || content === undefined ? undefined : { content, tree: splitTree(bytes) }
}

type Outcome = { content: Content; events: string[]; complete: string[] }

/** Walks `paths`; files are answered in an order by chance. */
async function walk(
  paths: readonly string[],
  options: Partial<WalkOptions> = {},
  before?: Content,
  signal: AbortSignal = new AbortController().signal,
): Promise<Outcome> {
  const events: string[] = []
  const complete: string[] = []
  const queued: QueuedFile[] = []
  const chance = new Chance(paths.length)
  const fill = ({ node, slot, path, name }: QueuedFile): void => {
    const entry = entryOf(name, source.lstat(path), source.xattrs(path))
    node.fill(slot, encodeEntry({ ...entry, content: { levels: 0, items: itemFor(path) } }))
    walker.settled(node)
  }
  const store = (node: DirectoryNode): Content => {
    complete.push(node.path)
    if (node.previous !== undefined && node.isUnchanged) return node.previous.content
    const bytes = encodeTree([], node.entries())
    const content = { levels: 0, items: Uint8Array.of(1, ...idOf(bytes)) }
    trees.set(keyOf(content), bytes)
    return content
  }
  const walker: Walk = new Walk(
    {
      source,
      clock: { now: () => 0 },
      signal,
      queue: {
        isCrowded: false,
        add: (file) => {
          queued.push(file)
          if (chance.int(3) === 0)
            for (const each of chance.shuffle(queued.splice(0, chance.int(5)))) fill(each)
        },
        addStream: ({ path }) => {
          throw new Error(`${path}: these walks have no streams`)
        },
        room: () => Promise.resolve(),
        drain: async () => {
          for (const each of chance.shuffle(queued.splice(0))) fill(each)
        },
      },
      isStored: () => true,
      scan: undefined,
      previousOf: async (entry) => previousOf(decodeEntry(entry).content),
      complete: store,
      events: {
        found: (path) => events.push(`found ${path}`),
        unmodified: (path, bytes) => events.push(`unmodified ${path} ${bytes}`),
        takenOver: () => events.push('taken over'),
        queued: (path, why) => events.push(`${why} ${path}`),
        unreadable: (path, reason) => events.push(`unreadable ${path} ${reason}`),
        excluded: (path, why) => events.push(`excluded ${path}: ${why}`),
      },
    },
    { ...OPTIONS, ...options },
  )
  const content = await walker.run(rootTree(paths), previousOf(before))
  return { content, events, complete }
}

/** All entries of a snapshot by path. */
function entriesOf(content: Content, path = '', found = new Map<string, Entry>()): Map<string, Entry> {
  for (const encoded of splitTree(trees.get(keyOf(content))!).entries) {
    const entry = decodeEntry(encoded)
    found.set(`${path}/${entry.name}`, entry)
    if (entry.type === 'dir' && entry.content !== undefined)
      entriesOf(entry.content, `${path}/${entry.name}`, found)
  }
  return found
}

const pathsOf = (content: Content) => [...entriesOf(content).keys()].sort(compareNames)
const only = (events: readonly string[], ...kinds: string[]) =>
  events.filter((event) => kinds.some((kind) => event.startsWith(`${kind} `)))

describe('a walk', () => {
  it('finds everything of every type, with names in order of their bytes', async () => {
    const odd = nameFromBytes(Uint8Array.of(0x66, 0xff))
    for (const name of ['a', 'Z', '\u{10000}', '\uffee', 'é', odd, 'b.txt', 'b'])
      source.file(`/src/${name}`, new Uint8Array(3))
    source.put('/src/link', 'symlink', { target: '../elsewhere' })
    source.put('/src/pipe', 'fifo')
    source.put('/src/null', 'char', { stat: { rdevMajor: 1, rdevMinor: 3 } })
    source.put('/src/disk', 'block', { stat: { rdevMajor: 8, rdevMinor: 1 } })
    source.put('/src/sock', 'socket')
    source.put('/src/empty', 'dir')
    source.file('/src/dir/deep/file', new Uint8Array(9), { stat: { links: 2, device: 7 } })
    const { content, events } = await walk(['/src'])
    const entries = entriesOf(content)
    expect([...entries.keys()].sort()).toEqual(
      [
        '/src',
        '/src/a',
        '/src/Z',
        '/src/\u{10000}',
        '/src/\uffee',
        '/src/é',
        `/src/${odd}`,
        '/src/b.txt',
        '/src/b',
        '/src/link',
        '/src/pipe',
        '/src/null',
        '/src/disk',
        '/src/sock',
        '/src/empty',
        '/src/dir',
        '/src/dir/deep',
        '/src/dir/deep/file',
      ].sort(),
    )
    expect(entries.get('/src/link')).toMatchObject({ type: 'symlink', target: '../elsewhere', size: 0 })
    expect(entries.get('/src/null')).toMatchObject({ type: 'char', device: { major: 1, minor: 3 } })
    expect(entries.get('/src/dir/deep/file')).toMatchObject({ size: 9, hardLink: { links: 2, device: 7 } })
    expect(entries.get('/src/empty')!.content).toBeDefined()
    expect(only(events, 'unreadable', 'excluded', 'changed', 'unmodified')).toEqual([])
    expect(only(events, 'found')).toHaveLength(entries.size)
  })

  it('records only what leads to the sources above them', async () => {
    for (const path of [
      '/home/a/x',
      '/home/a/y/z',
      '/home/b/x',
      '/home/other',
      '/etc/passwd',
      '/var/log/x',
    ]) {
      source.file(path, new Uint8Array(1))
    }
    const { content } = await walk(['/home/a', '/home/b/x', '/etc'])
    expect(pathsOf(content)).toEqual(
      [
        '/etc',
        '/etc/passwd',
        '/home',
        '/home/a',
        '/home/a/x',
        '/home/a/y',
        '/home/a/y/z',
        '/home/b',
        '/home/b/x',
      ].sort(),
    )
  })

  it('takes all from / where that is the source', async () => {
    source.file('/a', new Uint8Array(1))
    source.file('/b/c', new Uint8Array(1))
    expect(pathsOf((await walk(['/'])).content)).toEqual(['/a', '/b', '/b/c'])
  })

  it('completes each directory once, children before parents', async () => {
    for (let index = 0; index < 200; index++)
      source.file(`/s/${index % 7}/${index % 3}/f${index}`, new Uint8Array(1))
    const { complete } = await walk(['/s'])
    expect(new Set(complete).size).toBe(complete.length)
    expect(complete).toHaveLength(2 + 7 + 21)
    complete.forEach((path, index) => {
      expect(complete.slice(0, index).every((earlier) => !path.startsWith(`${earlier}/`))).toBe(true)
    })
    expect(complete.at(-1)).toBe('/')
  })

  it('ends with the reason of its signal', async () => {
    source.file('/s/a', new Uint8Array(1))
    const controller = new AbortController()
    controller.abort(new Error('enough'))
    await expect(walk(['/s'], {}, undefined, controller.signal)).rejects.toThrow('enough')
  })
})

describe('a walk after a snapshot', () => {
  beforeEach(() => {
    for (let index = 0; index < 40; index++)
      source.file(`/s/d${index % 4}/f${index}`, new Uint8Array(10 + index))
    source.put('/s/link', 'symlink', { target: 'd0' })
  })

  it('queues nothing and gives the same content where nothing has changed', async () => {
    const first = await walk(['/s'])
    const second = await walk(['/s'], {}, first.content)
    expect(keyOf(second.content)).toBe(keyOf(first.content))
    expect(only(second.events, 'new', 'changed')).toEqual([])
    expect(only(second.events, 'unmodified')).toHaveLength(40)
  })

  it('queues what is new or has changed, and only that', async () => {
    const first = await walk(['/s'])
    const changed = source.at('/s/d1/f5', 'lstat')
    changed.stat = { ...changed.stat, mtimeNsec: 1 }
    source.file('/s/d2/a-new', new Uint8Array(1))
    source.file('/s/d9/x', new Uint8Array(1))
    source.remove('/s/d3/f7')
    source.remove('/s/d0')
    const second = await walk(['/s'], {}, first.content)
    expect(only(second.events, 'new', 'changed').sort()).toEqual([
      'changed /s/d1/f5',
      'new /s/d2/a-new',
      'new /s/d9/x',
    ])
    const fresh = await walk(['/s'])
    expect(pathsOf(second.content)).toEqual(pathsOf(fresh.content))
    expect(keyOf(second.content)).toBe(keyOf(fresh.content))
  })

  it('reads everything again where that was asked for', async () => {
    const first = await walk(['/s'])
    const second = await walk(['/s'], { full: true }, first.content)
    expect(only(second.events, 'reread')).toHaveLength(40)
    expect(keyOf(second.content)).toBe(keyOf(first.content))
  })

  it('sees a file where a directory was, and a directory where a file was', async () => {
    const first = await walk(['/s'])
    source.remove('/s/d0')
    source.file('/s/d0', new Uint8Array(5))
    source.remove('/s/d1/f1')
    source.file('/s/d1/f1/inner', new Uint8Array(5))
    const { content } = await walk(['/s'], {}, first.content)
    expect(entriesOf(content).get('/s/d0')!.type).toBe('file')
    expect(entriesOf(content).get('/s/d1/f1/inner')!.type).toBe('file')
  })
})

describe('what a walk leaves out', () => {
  beforeEach(() => {
    for (const path of ['/s/keep', '/s/drop.tmp', '/s/cache/x', '/s/mount/x', '/s/repo/x', '/s/big']) {
      source.file(path, new Uint8Array(path === '/s/big' ? 5000 : 1))
    }
    const mount = source.at('/s/mount', 'lstat')
    mount.stat = { ...mount.stat, device: 99 }
  })

  const left = async (options: Partial<WalkOptions>) => {
    const { content, events } = await walk(['/s'], options)
    const all = [
      '/s',
      '/s/big',
      '/s/cache',
      '/s/cache/x',
      '/s/drop.tmp',
      '/s/keep',
      '/s/mount',
      '/s/mount/x',
      '/s/repo',
      '/s/repo/x',
    ]
    const there = new Set(pathsOf(content))
    return { out: all.filter((path) => !there.has(path)), events: only(events, 'excluded') }
  }

  it.each<[string, Partial<WalkOptions>, string[], string]>([
    [
      'patterns name',
      { rulesAt: () => createIgnoreRules(['*.tmp']) },
      ['/s/drop.tmp'],
      'excluded by a pattern',
    ],
    ['is larger than the limit', { largestFile: 4999 }, ['/s/big'], 'larger than the limit'],
    [
      'is a cache',
      { excludeCaches: true, isCacheDirectory: (path: string) => path === '/s/cache' },
      ['/s/cache', '/s/cache/x'],
      'a cache directory',
    ],
    [
      'is the repository',
      { neverPaths: new Set(['/s/repo']) },
      ['/s/repo', '/s/repo/x'],
      'the repository itself',
    ],
    ['nothing asks for', { largestFile: 5000, excludeCaches: true }, [], ''],
  ])('is what %s', async (_, options, paths, why) => {
    const { out, events } = await left(options)
    expect(out).toEqual(paths)
    expect(events).toEqual(paths.length === 0 ? [] : [`excluded ${paths[0]}: ${why}`])
  })

  it('is what lies on another file system, and not the directory where that is mounted', async () => {
    const options = {
      oneFileSystem: true,
      excludeCaches: true,
      isCacheDirectory: (path: string) => {
        expect(path).not.toBe('/s/mount')
        return false
      },
    }
    source.at('/s/mount', 'lstat').fails = { list: 'EIO' }
    const { out, events } = await left(options)
    expect(out).toEqual(['/s/mount/x'])
    expect(events).toEqual(['excluded /s/mount: another file system: the directory alone is kept'])
    const { content } = await walk(['/s'], options)
    const mount = entriesOf(content).get('/s/mount')
    expect(mount).toMatchObject({ type: 'dir' })
    expect(mount!.unreadable).toBeUndefined()
    source.at('/s/mount', 'lstat').fails = {}
    const entered = await walk(['/s'])
    expect(pathsOf((await walk(['/s'], options, entered.content)).content)).not.toContain('/s/mount/x')
    expect((await left({ ...options, rulesAt: () => createIgnoreRules(['/mount/']) })).out).toContain(
      '/s/mount',
    )
  })

  it('is what ignore files name, in their directory and below', async () => {
    source.file('/s/.ignore', Buffer.from('*.log\n'))
    source.file('/s/a/x.log', new Uint8Array(1))
    source.file('/s/a/.ignore', Buffer.from('!x.log\n/only\n'))
    source.file('/s/a/only', new Uint8Array(1))
    source.file('/s/b/only', new Uint8Array(1))
    source.file('/s/b/y.log', new Uint8Array(1))
    const { content } = await walk(['/s'], { ignoreFile: '.ignore' })
    const there = pathsOf(content)
    expect(there).toEqual(expect.arrayContaining(['/s/a/x.log', '/s/b/only', '/s/.ignore']))
    for (const path of ['/s/a/only', '/s/b/y.log']) expect(there).not.toContain(path)
    expect(source.openDescriptors).toBe(0)
  })
})

describe('a source that cannot be read', () => {
  beforeEach(() => {
    for (const path of ['/s/a/x', '/s/b', '/s/c']) source.file(path, new Uint8Array(1))
  })

  it('is recorded where a directory gives no list, and is read again the next time', async () => {
    source.at('/s/a', 'list').fails = { list: 'EACCES' }
    const first = await walk(['/s'])
    expect(only(first.events, 'unreadable')).toEqual(['unreadable /s/a EACCES'])
    expect(entriesOf(first.content).get('/s/a')).toMatchObject({ type: 'dir', unreadable: 'EACCES' })
    expect(pathsOf(first.content)).toEqual(['/s', '/s/a', '/s/b', '/s/c'])
    source.at('/s/a', 'lstat').fails = {}
    const second = await walk(['/s'], {}, first.content)
    expect(pathsOf(second.content)).toContain('/s/a/x')
    expect(entriesOf(second.content).get('/s/a')!.unreadable).toBeUndefined()
  })

  it('is passed over where it vanishes between list and stat, and reported where its stat fails', async () => {
    source.at('/s/b', 'lstat').fails = { lstat: 'ENOENT' }
    source.at('/s/c', 'lstat').fails = { lstat: 'EIO' }
    const { content, events } = await walk(['/s'])
    expect(pathsOf(content)).toEqual(['/s', '/s/a', '/s/a/x'])
    expect(only(events, 'unreadable')).toEqual(['unreadable /s/c EIO'])
    expect(entriesOf(content).get('/s')).toMatchObject({ type: 'dir', unreadable: 'EIO' })
    expect(entriesOf(content).get('/s/a')!.unreadable).toBeUndefined()
  })

  it('is reported where a link cannot be read or attributes cannot', async () => {
    source.put('/s/link', 'symlink', { target: 'x', fails: { readlink: 'EACCES' } })
    source.put('/s/pipe', 'fifo', { fails: { xattrs: 'EIO' } })
    const { content, events } = await walk(['/s'])
    expect(only(events, 'unreadable').sort()).toEqual(['unreadable /s/link EACCES', 'unreadable /s/pipe EIO'])
    expect(pathsOf(content)).toContain('/s/pipe')
    expect(entriesOf(content).get('/s')!.unreadable).toBe('EACCES')
  })

  it('ends the walk where it is a mistake of ours, not of the source', async () => {
    source.list = () => {
      throw new TypeError('a mistake')
    }
    await expect(walk(['/s'])).rejects.toThrow('a mistake')
  })
})
