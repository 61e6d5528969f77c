/** Sources that change under a backup, at the worst moment: what was saved is whole, and comes back whole. */
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SourceFiles } from '../../../src/model/files.ts'
import type { BackupResult } from '../../../src/ops/backup/request.ts'
import { dump } from '../../../src/ops/dump/dump.ts'
import type { RestoreReport } from '../../../src/ops/restore/report.ts'
import { TestRepository } from '../../support/repository.ts'

let repo: TestRepository
const at = (...names: string[]): string => repo.source(...names)
const back = (...names: string[]): string => `${repo.directory}/back${at(...names)}`
const idle = { progress: () => undefined, signal: new AbortController().signal }

beforeEach(async () => {
  repo = await TestRepository.create()
  mkdirSync(at(), { recursive: true })
})

afterEach(async () => {
  await repo[Symbol.asyncDispose]()
})

/** Does `change` just before the backup makes the call for the path, at most `times` times. */
function before(
  call: 'open' | 'list' | 'readlink' | 'lstat',
  path: string,
  change: () => void,
  times = 1,
): void {
  const wrapped = repo.meddle
  let left = times
  repo.meddle = (source: SourceFiles) => {
    const inner = wrapped(source)
    const act = (asked: string): void => {
      if (asked === path && left-- > 0) change()
    }
    return {
      ...inner,
      [call]: (asked: string) => {
        act(asked)
        return inner[call](asked)
      },
    }
  }
}

function restored({ snapshot }: BackupResult): Promise<RestoreReport> {
  return repo.restore(snapshot, `${repo.directory}/back`)
}

/** Backs up and restores, and expects that both have everything. */
async function roundTrip(): Promise<RestoreReport> {
  const result = await repo.backup()
  expect(result.unreadable).toEqual([])
  const report = await restored(result)
  expect(report.failures).toEqual([])
  return report
}

describe('a file that is replaced after the walk has seen it', () => {
  beforeEach(() => {
    writeFileSync(at('f'), 'a file')
    writeFileSync(at('g'), 'beside it')
  })

  it('by a link is saved as the link', async () => {
    before('open', at('f'), () => {
      rmSync(at('f'))
      symlinkSync('g', at('f'))
    })
    await roundTrip()
    expect(readlinkSync(back('f'))).toBe('g')
    expect(readFileSync(back('g'), 'utf8')).toBe('beside it')
  })

  it('by a FIFO is saved as the FIFO', async () => {
    before('open', at('f'), () => {
      rmSync(at('f'))
      execFileSync('mkfifo', [at('f')])
    })
    await roundTrip()
    expect(lstatSync(back('f')).isFIFO()).toBe(true)
  })

  it('by a directory is saved as the directory with what is in it', async () => {
    before('open', at('f'), () => {
      rmSync(at('f'))
      mkdirSync(at('f', 'deep'), { recursive: true })
      writeFileSync(at('f', 'deep', 'x'), 'inside')
    })
    await roundTrip()
    expect(readFileSync(back('f', 'deep', 'x'), 'utf8')).toBe('inside')
  })

  it('by a socket is saved as one, which no restore brings back', async () => {
    const server = createServer()
    before('open', at('f'), () => {
      rmSync(at('f'))
      // `listen` binds before it returns.
      server.listen(at('f'))
    })
    const report = await roundTrip()
    server.close()
    expect(report.losses.map(({ example }) => example)).toEqual([at('f')])
  })

  it('with the directory that it was in is gone', async () => {
    mkdirSync(at('d'))
    writeFileSync(at('d', 'x'), 'x')
    before('open', at('d', 'x'), () => {
      rmSync(at('d'), { recursive: true })
      writeFileSync(at('d'), 'a file now')
    })
    await roundTrip()
    expect(() => lstatSync(back('d', 'x'))).toThrow('ENOENT')
  })

  it('by something else for a moment is read when it is back', async () => {
    let moments = 0
    before(
      'open',
      at('f'),
      () => {
        moments += 1
        renameSync(at('f'), `${repo.directory}/aside`)
        symlinkSync('g', at('f'))
      },
      5,
    )
    before(
      'lstat',
      at('f'),
      () => {
        if (moments === 0) return
        rmSync(at('f'))
        renameSync(`${repo.directory}/aside`, at('f'))
        moments -= 1
      },
      20,
    )
    await roundTrip()
    expect(readFileSync(back('f'), 'utf8')).toBe('a file')
  })

  it('each time that it is looked at is recorded as unreadable in the end', async () => {
    const inner = repo.meddle
    repo.meddle = (source) => ({
      ...inner(source),
      open: (path) => {
        if (path === at('f')) throw Object.assign(new Error('ELOOP'), { code: 'ELOOP', syscall: 'open' })
        return source.open(path)
      },
    })
    const result = await repo.backup()
    expect(result.unreadable).toEqual([{ path: at('f'), reason: 'ELOOP' }])
    expect((await restored(result)).failures).toMatchObject([
      { path: at('f'), side: 'source', code: 'ELOOP' },
    ])
  })
})

describe('a directory that is replaced before it is listed', () => {
  beforeEach(() => {
    mkdirSync(at('d'))
    writeFileSync(at('d', 'x'), 'inside')
    writeFileSync(at('g'), 'beside it')
  })

  it('is left out where it is gone', async () => {
    before('list', at('d'), () => rmSync(at('d'), { recursive: true }))
    await roundTrip()
    expect(() => lstatSync(back('d'))).toThrow('ENOENT')
    expect(readFileSync(back('g'), 'utf8')).toBe('beside it')
  })

  it('is saved as the file that it has become, and counted', async () => {
    before('list', at('d'), () => {
      rmSync(at('d'), { recursive: true })
      writeFileSync(at('d'), 'a file now')
    })
    const result = await repo.backup()
    expect(result.summary).toMatchObject({ filesNew: 2, unreadable: 0 })
    expect((await restored(result)).failures).toEqual([])
    expect(readFileSync(back('d'), 'utf8')).toBe('a file now')
  })

  it('is saved as the link that it has become, and nothing behind the link', async () => {
    before('list', at('d'), () => {
      renameSync(at('d'), at('e'))
      symlinkSync('e', at('d'))
    })
    await roundTrip()
    expect(readlinkSync(back('d'))).toBe('e')
  })
})

it('a link that becomes a file before it is read is saved as the file', async () => {
  symlinkSync('nowhere', at('l'))
  before('readlink', at('l'), () => {
    rmSync(at('l'))
    writeFileSync(at('l'), 'a file now')
  })
  await roundTrip()
  expect(readFileSync(back('l'), 'utf8')).toBe('a file now')
})

describe('names of one inode', () => {
  it('come back as one symlink, in whatever order they are made', async () => {
    mkdirSync(at('d'))
    symlinkSync('nowhere', at('d', 'a'))
    linkSync(at('d', 'a'), at('d', 'b'))
    linkSync(at('d', 'a'), at('c'))
    await roundTrip()
    for (const path of [back('d', 'b'), back('c')]) {
      expect(readlinkSync(path)).toBe('nowhere')
      expect(lstatSync(path).ino).toBe(lstatSync(back('d', 'a')).ino)
    }
  })

  it('that are a socket are all passed over', async () => {
    const server = createServer().listen(at('s'))
    linkSync(at('s'), at('t'))
    const report = await roundTrip()
    server.close()
    expect(report.losses).toMatchObject([{ count: 2 }])
  })

  it('each come back with the content that was read under them, the file having changed in between', async () => {
    writeFileSync(at('a'), 'at first')
    linkSync(at('a'), at('b'))
    linkSync(at('a'), at('c'))
    before('open', at('b'), () => appendFileSync(at('b'), ', and then more'))
    const result = await repo.backup()
    const contents = { a: 'at first', b: 'at first, and then more', c: 'at first, and then more' }
    expect((await restored(result)).failures).toEqual([])
    for (const [name, content] of Object.entries(contents))
      expect(readFileSync(back(name), 'utf8'), name).toBe(content)
    expect(lstatSync(back('c')).ino).toBe(lstatSync(back('b')).ino)
    const { root } = repo.snapshot(result.snapshot)
    const output = await dump(repo.repository, { root, path: at(), archive: 'tar' }, idle)
    writeFileSync(`${repo.directory}/x.tar`, await collect(output.bytes))
    mkdirSync(`${repo.directory}/tar`)
    execFileSync('tar', ['-xf', `${repo.directory}/x.tar`, '-C', `${repo.directory}/tar`])
    for (const [name, content] of Object.entries(contents)) {
      const [path = ''] = execFileSync('find', [`${repo.directory}/tar`, '-name', name], {
        encoding: 'utf8',
      }).split('\n')
      expect(readFileSync(path, 'utf8'), name).toBe(content)
    }
  })

  it('whose number was given to a file of another type meanwhile are not taken for one', async () => {
    writeFileSync(at('a'), 'a file')
    linkSync(at('a'), at('a2'))
    symlinkSync('nowhere', at('b'))
    linkSync(at('b'), at('b2'))
    repo.meddle = (source) => ({
      ...source,
      lstat: (path) => ({ ...source.lstat(path), ...(path.startsWith(at()) ? { inode: 7 } : {}) }),
      fstat: (fd) => ({ ...source.fstat(fd), inode: 7 }),
    })
    await roundTrip()
    expect(readFileSync(back('a2'), 'utf8')).toBe('a file')
    expect(readlinkSync(back('b2'))).toBe('nowhere')
  })
})

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of bytes) parts.push(part)
  return Buffer.concat(parts)
}

describe('the summary of a backup', () => {
  beforeEach(() => {
    writeFileSync(at('f'), 'a file')
    writeFileSync(at('g'), 'beside it')
  })

  it('counts what was stored of a file that grows each time it is read, and names it', async () => {
    let grown = 0
    repo.meddle = (source: SourceFiles) => ({
      ...source,
      read: (...asked) => {
        const count = source.read(...asked)
        if (count > 0 && grown++ < 100) appendFileSync(at('f'), 'more')
        return count
      },
    })
    const result = await repo.backup()
    expect(result.summary).toMatchObject({ filesNew: 2, changedWhileRead: 1 })
    repo.meddle = (source) => source
    await restored(result)
    const bytes = readFileSync(back('f')).length + readFileSync(back('g')).length
    expect(result.summary.bytesTotal).toBe(bytes)
    expect(bytes).toBeGreaterThan('a file'.length + 'beside it'.length)
  })

  it('counts no file that is gone, another thing by now, or unreadable', async () => {
    writeFileSync(at('h'), 'unreadable')
    before('open', at('f'), () => rmSync(at('f')))
    before('open', at('g'), () => {
      rmSync(at('g'))
      symlinkSync('x', at('g'))
    })
    before('open', at('h'), () => {
      throw Object.assign(new Error('EACCES'), { code: 'EACCES', syscall: 'open' })
    })
    const { summary } = await repo.backup()
    expect(summary).toMatchObject({ filesNew: 0, filesTotal: 0, bytesTotal: 0, others: 1, unreadable: 1 })
    const again = await repo.backup()
    expect(again.summary).toMatchObject({ filesNew: 0, filesChanged: 1, filesTotal: 1, unreadable: 0 })
  })
})
