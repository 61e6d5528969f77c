import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nameFromBytes } from '../../../../src/base/names.ts'
import { createIgnoreRules } from '../../../../src/filesystem/ignore-rules.ts'
import { Connection } from '../../../../src/manifest/connection.ts'
import { Chance } from '../../../support/builders.ts'
import { type MemoryFile, MemorySource } from '../../../support/memory-source.ts'
import { TestRepository } from '../../../support/repository.ts'
import { backupTwins, rootOf, type Twins } from '../../../support/twin-series.ts'

let repo: TestRepository
let source: MemorySource

const text = (content: string): Uint8Array => Buffer.from(content)
const ODD = nameFromBytes(Uint8Array.of(0x66, 0xff))
const SIBLINGS = ['/s/other', '/s/other/in']

beforeEach(async () => {
  repo = await TestRepository.create()
  source = new MemorySource()
  source.file('/s/top', text('top'))
  source.file('/s/d/file', text('content'))
  source.file('/s/d/second', text('second'))
  source.file(`/s/d/${ODD}`, text('odd'))
  source.put('/s/d/link', 'symlink', { target: 'file' })
  source.put('/s/d/pipe', 'fifo')
  source.put('/s/d/device', 'char', { stat: { rdevMajor: 4, rdevMinor: 7 } })
  source.file('/s/d/in/deep/er/file', text('deep'))
  source.put('/s/empty', 'dir')
  source.file('/s/other/in/file', text('other'))
  source.file('/t/second source', text('second source'))
})
afterEach(() => repo[Symbol.asyncDispose]())

const backups = (walk = {}): Promise<Twins> => backupTwins(repo, source, ['/s', '/t'], walk)

/** Something happened to the entry, as its ctime shows. */
function touch(path: string, stat: MemoryFile['stat'] = {}): void {
  const file = source.at(path, 'lstat')
  file.stat = { ...file.stat, ctimeNsec: 77, ...stat }
}

describe('where nothing has changed', () => {
  it('the walk looks into no directory, and all of it is unmodified', async () => {
    await backups()
    const { scanned, walked } = await backups()
    expect(scanned.listed).toEqual([])
    expect(walked.listed).toContain('/s/d/in/deep/er')
    expect(scanned.result.summary).toMatchObject({
      filesUnmodified: 7,
      dirsChanged: 0,
      dirsNew: 0,
      others: 3,
    })
    expect(source.opened.get('/s/d/file')).toBe(2)
  })

  it('names that a file system lists twice are as good as once', async () => {
    source.file('/s/d/twice', text('twice'))
    const { list } = source
    source.list = (path) => {
      const names = list.call(source, path)
      return path === '/s/d' ? [...names, 'twice'] : names
    }
    const { openDirectory } = source
    source.openDirectory = (path) => ({
      ...openDirectory.call(source, path),
      list: () => {
        const names = openDirectory.call(source, path).list()
        return path === '/s/d' ? [...names, 'twice'] : names
      },
    })
    await backups()
    const { scanned } = await backups()
    expect(scanned.listed).toEqual([])
  })
})

type Change = readonly [what: string, change: () => void]

const CHANGES: readonly Change[] = [
  [
    'the size of a file',
    () => source.file('/s/d/file', text('content, longer'), { stat: inode('/s/d/file') }),
  ],
  [
    'content of the same size',
    () => {
      source.at('/s/d/file', 'lstat').bytes = text('CONTENT')
      touch('/s/d/file')
    },
  ],
  ['seconds of the mtime of a file', () => set('/s/d/file', { mtimeSec: 5 })],
  ['nanoseconds of the mtime of a file', () => set('/s/d/file', { mtimeNsec: 5 })],
  ['a negative mtime', () => set('/s/d/file', { mtimeSec: -5 })],
  ['seconds of the ctime of a file', () => set('/s/d/file', { ctimeSec: 5 })],
  ['nanoseconds of the ctime of a file', () => set('/s/d/file', { ctimeNsec: 5 })],
  ['the inode of a file', () => set('/s/d/file', { inode: 5 })],
  ['the mode of a file', () => set('/s/d/file', { mode: 0o600 })],
  ['the owner of a file', () => set('/s/d/file', { uid: 5 })],
  ['the group of a file', () => set('/s/d/file', { gid: 5 })],
  [
    'xattrs of a file',
    () => {
      source.at('/s/d/file', 'lstat').xattrs = [{ name: 'user.a', value: text('1') }]
      touch('/s/d/file')
    },
  ],
  [
    'a file that can be read no more',
    () => {
      source.at('/s/d/file', 'lstat').fails = { open: 'EACCES' }
      touch('/s/d/file')
    },
  ],
  [
    'a file that cannot be looked at',
    () => {
      source.at('/s/d/file', 'lstat').fails = { lstat: 'EIO' }
    },
  ],
  ['a name that was added', () => source.file('/s/d/added', text('added'))],
  ['a first name', () => source.file('/s/empty/first', text('first'))],
  ['a name that was removed', () => source.remove('/s/d/file')],
  ['the last name of a directory', () => source.remove('/s/d/in/deep/er/file')],
  ['a file that was renamed', () => rename('/s/d/second', '/s/d/2nd')],
  ['a name in another case', () => rename('/s/d/second', '/s/d/Second')],
  ['a name in other bytes', () => rename(`/s/d/${ODD}`, `/s/d/${nameFromBytes(Uint8Array.of(0x66, 0xfe))}`)],
  [
    'two names that were swapped',
    () => {
      rename('/s/d/second', '/s/d/x')
      rename('/s/d/file', '/s/d/second')
      rename('/s/d/x', '/s/d/file')
    },
  ],
  ['a directory that was added', () => source.put('/s/d/new', 'dir')],
  ['a directory that was removed', () => source.remove('/s/d/in/deep')],
  [
    'a directory that was renamed',
    () => {
      source.remove('/s/other')
      source.file('/s/another/in/file', text('other'))
    },
  ],
  [
    'a file that became a directory',
    () => {
      source.remove('/s/d/file')
      source.file('/s/d/file/in it', text('in it'))
    },
  ],
  [
    'a directory that became a file',
    () => {
      source.remove('/s/d/in')
      source.file('/s/d/in', text('a file'))
    },
  ],
  [
    'a directory that became a link',
    () => {
      source.remove('/s/d/in')
      source.put('/s/d/in', 'symlink', { target: 'other' })
    },
  ],
  ['a link that became a file', () => source.file('/s/d/link', text('a file'), { stat: inode('/s/d/link') })],
  ['a FIFO that became a socket', () => source.put('/s/d/pipe', 'socket', { stat: inode('/s/d/pipe') })],
  [
    'the target of a link, of the same length, and nothing else',
    () => {
      source.at('/s/d/link', 'lstat').target = 'FILE'
    },
  ],
  ['the owner of a link', () => set('/s/d/link', { uid: 5 })],
  [
    'xattrs of a link, and nothing else',
    () => {
      source.at('/s/d/link', 'lstat').xattrs = [{ name: 'trusted.a', value: text('1') }]
    },
  ],
  [
    'a link that cannot be read',
    () => {
      source.at('/s/d/link', 'lstat').fails = { readlink: 'EIO' }
    },
  ],
  [
    'a link whose xattrs cannot be read',
    () => {
      source.at('/s/d/link', 'lstat').fails = { xattrs: 'EIO' }
    },
  ],
  ['the time of a FIFO', () => set('/s/d/pipe', { mtimeNsec: 5 })],
  ['a device with another number', () => set('/s/d/device', { rdevMinor: 8 })],
  ['links to a device', () => set('/s/d/device', { links: 2 })],
  ['the mode of a directory', () => set('/s/d/in', { mode: 0o700 })],
  ['the owner of a directory', () => set('/s/d/in', { uid: 5 })],
  ['the group of a directory', () => set('/s/d/in', { gid: 5 })],
  ['the mtime of a directory', () => set('/s/d/in', { mtimeNsec: 5 })],
  ['the ctime of a directory', () => set('/s/d/in', { ctimeNsec: 5 })],
  ['the inode of a directory', () => set('/s/d/in', { inode: 5 })],
  [
    'xattrs of a directory, and nothing else',
    () => {
      source.at('/s/d/in', 'lstat').xattrs = [{ name: 'user.a', value: text('1') }]
    },
  ],
  [
    'a directory whose xattrs cannot be read',
    () => {
      source.at('/s/d/in', 'lstat').fails = { xattrs: 'EIO' }
    },
  ],
  [
    'a directory that can be listed no more',
    () => {
      source.at('/s/d/in', 'lstat').fails = { list: 'EACCES' }
    },
  ],
  [
    'a directory that cannot be looked at',
    () => {
      source.at('/s/d/in', 'lstat').fails = { lstat: 'EIO' }
    },
  ],
  [
    'content deep below',
    () => {
      source.at('/s/d/in/deep/er/file', 'lstat').bytes = text('DEEP')
      touch('/s/d/in/deep/er/file')
    },
  ],
  ['a name deep below', () => source.file('/s/d/in/deep/er/more', text('more'))],
  ['the mode of the source itself', () => set('/s', { mode: 0o700 })],
  ['a name in the source itself', () => source.file('/s/new', text('new'))],
]

function inode(path: string): { inode: number } {
  return { inode: source.lstat(path).inode }
}

function set(path: string, stat: MemoryFile['stat']): void {
  const file = source.at(path, 'lstat')
  file.stat = { ...file.stat, ...stat }
}

function rename(from: string, to: string): void {
  const { type, bytes, stat, xattrs } = source.at(from, 'lstat')
  source.remove(from)
  source.put(to, type, { bytes, stat, xattrs })
}

describe('a change is found as by the walk alone', () => {
  for (const [what, change] of CHANGES) {
    it(`of ${what}`, async () => {
      const before = await backups()
      change()
      const after = await backups()
      const isElse = rootOf(repo, after.scanned.result) !== rootOf(repo, before.scanned.result)
      expect(isElse || after.scanned.result.unreadable.length > 0).toBe(true)
      // What the change is not in is not walked.
      const elsewhere = what === 'a directory that was renamed' ? [] : SIBLINGS
      expect(after.scanned.listed.filter((path) => elsewhere.includes(path))).toEqual([])
      await backups()
    })
  }
})

describe('what a backup leaves out is left out', () => {
  it('where another file system was mounted meanwhile', async () => {
    await backups({ oneFileSystem: true })
    for (const path of ['/s/d/in/deep', '/s/d/in/deep/er', '/s/d/in/deep/er/file']) set(path, { device: 9 })
    const { scanned } = await backups({ oneFileSystem: true })
    expect(scanned.result.summary.filesTotal).toBe(6)
    expect((await backups({ oneFileSystem: false })).scanned.result.summary.filesTotal).toBe(7)
    await backups({ oneFileSystem: false })
    expect((await backups({ oneFileSystem: true })).scanned.result.summary.filesTotal).toBe(6)
  })

  it('where a source is on another file system than the one before', async () => {
    for (const path of ['/t', '/t/second source']) set(path, { device: 9 })
    await backups({ oneFileSystem: true })
    expect((await backups({ oneFileSystem: true })).scanned.listed).toEqual([])
  })

  it('where an ignore file is there that was not read before', async () => {
    source.file('/s/d/in/.snapignore', text('er\n'))
    await backups()
    const { scanned } = await backups({ ignoreFile: '.snapignore' })
    expect(scanned.result.summary.filesTotal).toBe(7)
  })

  it('where an ignore file changed', async () => {
    source.file('/s/d/in/.snapignore', text('nothing\n'))
    await backups({ ignoreFile: '.snapignore' })
    source.file('/s/d/in/.snapignore', text('er\n'), { stat: { ctimeNsec: 5 } })
    const { scanned } = await backups({ ignoreFile: '.snapignore' })
    expect(scanned.result.summary.filesTotal).toBe(7)
    expect(scanned.listed.filter((path) => SIBLINGS.includes(path))).toEqual([])
  })

  it('where a path belongs to the repository', async () => {
    await backups()
    const neverPaths = new Set(['/s/d/in/deep', '/elsewhere'])
    expect((await backups({ neverPaths })).scanned.result.summary.filesTotal).toBe(6)
    const { scanned } = await backups({ neverPaths })
    expect(scanned.listed).toEqual(['/s', '/s/d', '/s/d/in'].slice(0, scanned.listed.length))
  })

  it.each([
    ['patterns', { rulesAt: () => createIgnoreRules(['er']) }, 6],
    ['a limit of size', { largestFile: 6 }, 5],
    ['tags of caches', { excludeCaches: true, isCacheDirectory: (path: string) => path === '/s/d/in' }, 6],
  ])('where there are %s', async (_what, walk, files) => {
    await backups()
    const { scanned } = await backups(walk)
    expect(scanned.result.summary.filesTotal).toBe(files)
  })
})

describe('all is looked at by the walk', () => {
  it('where every file is to be read', async () => {
    await backups()
    const { scanned } = await backups({ full: true })
    expect(scanned.result.summary).toMatchObject({ filesChanged: 0, filesUnmodified: 7, bytesRead: 41 })
  })

  it('where each path is to be told of', async () => {
    await repo.backupWith({ source, scan: true }, '/s', '/t')
    const told: string[] = []
    const decided = (path: string, decision: string) => void told.push(`${decision} ${path}`)
    await repo.backupWith({ source, scan: true, decided }, '/s', '/t')
    expect(told.filter((line) => line.startsWith('unmodified '))).toHaveLength(7)
  })

  it('where a pack is set aside, so that nothing is taken over without being looked up', async () => {
    const changes = { source, scan: true }
    await repo.backupWith(changes, '/s', '/t')
    const { packs } = repo.repository.manifest
    for (const { no } of packs.list()) packs.setState(no, 'quarantined')
    const { summary } = await repo.backupWith(changes, '/s', '/t')
    expect(summary).toMatchObject({ filesAgain: 7, dirsUnmodified: 0 })
  })
})

describe('what is taken over', () => {
  it('is no file that changed while it was read', async () => {
    const file = source.at('/s/d/in/deep/er/file', 'lstat')
    let reads = 0
    file.onRead = () => {
      reads += 1
      file.stat = { ...file.stat, mtimeNsec: reads % 3 } // three tries in each backup
    }
    await backups()
    file.onRead = () => undefined
    const { scanned } = await backups()
    expect(scanned.result.summary.filesChanged).toBe(1)
    expect((await backups()).scanned.listed).toEqual([])
  })

  it('is no file that could not be read', async () => {
    const file = source.at('/s/d/in/deep/er/file', 'lstat')
    file.fails = { open: 'EACCES' }
    await backups()
    file.fails = {}
    const { scanned } = await backups()
    expect(scanned.result.summary).toMatchObject({ filesChanged: 1, unreadable: 0 })
  })

  it('is no directory that could not be read', async () => {
    const directory = source.at('/s/d/in/deep', 'lstat')
    directory.fails = { list: 'EACCES' }
    await backups()
    directory.fails = {}
    expect((await backups()).scanned.result.summary).toMatchObject({ filesNew: 1, unreadable: 0 })
    expect((await backups()).scanned.listed).toEqual([])
  })

  it('is no directory that the manifest has not', async () => {
    await backups()
    await repo.reopen({ forgetting: true })
    const { scanned } = await backups()
    expect(scanned.listed).toEqual(expect.arrayContaining(['/s', '/s/d/in/deep/er', ...SIBLINGS]))
    expect(scanned.result.summary).toMatchObject({ filesUnmodified: 7, dirsChanged: 0 })
  })

  it('is what a damaged row of the manifest says no more than by the walk', async () => {
    await backups()
    const { manifestPath, manifest } = repo.repository
    using connection = new Connection(manifestPath, false)
    const rows = connection.prepare<{ no: number; bytes: Uint8Array }>('SELECT no, bytes FROM trees').all()
    const setBytes = connection.prepare('UPDATE trees SET bytes = ? WHERE no = ?')
    const chance = new Chance(3)
    expect(rows.length).toBe(manifest.trees.lastNo())
    for (let round = 0; round < 24; round++) {
      const row = rows[chance.int(rows.length)]!
      const damaged = row.bytes.slice()
      damaged[chance.int(damaged.length)]! ^= 1 << chance.int(8)
      setBytes.run(damaged, row.no)
      await backups()
      setBytes.run(row.bytes, row.no)
    }
    expect((await backups()).scanned.result.summary.filesTotal).toBe(7)
  })
})
