import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ProgressEvent } from '../../../../src/model/progress.ts'
import { packKey } from '../../../../src/object/object-keys.ts'
import { type ArchiveFormat, dump } from '../../../../src/ops/dump/dump.ts'
import { Chance } from '../../../support/builders.ts'
import { addDeltaSnapshot } from '../../../support/delta-repository.ts'
import { TestRepository } from '../../../support/repository.ts'

let repo: TestRepository
let events: ProgressEvent[]

beforeEach(async () => {
  repo = await TestRepository.create()
  events = []
  mkdirSync(repo.source(), { recursive: true })
})

afterEach(async () => {
  await repo[Symbol.asyncDispose]()
})

async function open(root: Uint8Array, path: string, archive: ArchiveFormat = 'tar') {
  const signal = new AbortController().signal
  return dump(repo.repository, { root, path, archive }, { progress: (event) => events.push(event), signal })
}

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of bytes) parts.push(part)
  return Buffer.concat(parts)
}

const backedUp = async (): Promise<Uint8Array> => repo.snapshot((await repo.backup()).snapshot).root

test('a file comes as its bytes, holes as zeros', async () => {
  const data = new Chance(1).bytes(3_000_000)
  writeFileSync(repo.source('big'), data)
  writeFileSync(repo.source('empty'), '')
  const fd = openSync(repo.source('holes'), 'w')
  writeSync(fd, 'begin')
  writeSync(fd, 'middle', 5_000_000)
  closeSync(fd)
  truncateSync(repo.source('holes'), 9_000_001)
  const root = await backedUp()
  const big = await open(root, repo.source('big'))
  expect(big).toMatchObject({ kind: 'file', size: 3_000_000 })
  expect((await collect(big.bytes)).equals(data)).toBe(true)
  expect(await collect((await open(root, repo.source('empty'))).bytes)).toHaveLength(0)
  const blocks: number[] = []
  const parts: Uint8Array[] = []
  for await (const block of (await open(root, repo.source('holes'))).bytes) {
    blocks.push(block.length)
    parts.push(block)
  }
  expect(Math.max(...blocks)).toBeLessThanOrEqual(1_048_576)
  expect(Buffer.concat(parts).equals(readFileSync(repo.source('holes')))).toBe(true)
})

test('a file in delta segments comes as its bytes', async () => {
  const { snapshot, files } = await addDeltaSnapshot(repo.repository)
  const { root } = repo.snapshot(snapshot)
  expect(await collect((await open(root, '/deeper')).bytes)).toEqual(Buffer.from(files.deeper))
})

test('a consumer that stops early leaves nothing running', async () => {
  writeFileSync(repo.source('big'), new Chance(2).bytes(3_000_000))
  const root = await backedUp()
  for await (const block of (await open(root, repo.source('big'))).bytes) {
    expect(block.length).toBeGreaterThan(0)
    break
  }
})

test('a damaged file throws', async () => {
  const { snapshot, packs } = await addDeltaSnapshot(repo.repository)
  repo.damage(packKey(packs.delta.id), 300)
  const { root } = repo.snapshot(snapshot)
  await expect(open(root, '/delta').then(({ bytes }) => collect(bytes))).rejects.toMatchObject({
    code: 'OBJECT_DAMAGED',
  })
  await expect(open(root, '/').then(({ bytes }) => collect(bytes))).rejects.toMatchObject({
    code: 'OBJECT_DAMAGED',
  })
})

test('what has no bytes cannot be dumped', async () => {
  symlinkSync('x', repo.source('link'))
  const root = await backedUp()
  await expect(open(root, repo.source('link'))).rejects.toMatchObject({ code: 'PATH_UNKNOWN' })
  await expect(open(root, repo.source('nothing'))).rejects.toMatchObject({ code: 'PATH_UNKNOWN' })
})

function makeTree(): void {
  const chance = new Chance(3)
  writeFileSync(repo.source('plain'), chance.text(100_000))
  writeFileSync(repo.source('empty'), '')
  writeFileSync(repo.source('block'), chance.bytes(512))
  writeFileSync(repo.source('umläut \u{1f600}'), 'unicode')
  mkdirSync(repo.source('dir', 'inner'), { recursive: true })
  chmodSync(repo.source('dir'), 0o1751)
  const long = join('n'.repeat(120), 'm'.repeat(200))
  mkdirSync(repo.source('n'.repeat(120)))
  writeFileSync(repo.source(long), 'long')
  symlinkSync(`../${'t'.repeat(150)}`, repo.source('dir', 'link'))
  chmodSync(repo.source('plain'), 0o4755)
  utimesSync(repo.source('empty'), 1_000_000_000.123456, 1_000_000_000.123456)
  lutimesSync(repo.source('dir', 'link'), 1_234_567_890, 1_234_567_890)
}

type Described = { readonly mtime: bigint; readonly target: string }

/** Type, mode, links, owner, time and content of everything below a directory, by the bytes of its names. */
function describe(
  directory: string | Buffer,
  below = '',
  found: Record<string, Described> = {},
): Record<string, Described> {
  for (const name of readdirSync(directory, { encoding: 'buffer' })) {
    const path = Buffer.concat([Buffer.from(directory), Buffer.from('/'), name])
    const stat = lstatSync(path, { bigint: true })
    const shown = below + name.toString('latin1')
    const whole = {
      mode: stat.mode,
      uid: stat.uid,
      links: stat.isDirectory() ? 0n : stat.nlink,
      mtime: stat.mtimeNs,
      content: stat.isFile() ? readFileSync(path).toString('base64') : '',
      target: stat.isSymbolicLink() ? readlinkSync(path) : '',
    }
    found[shown] = whole
    if (stat.isDirectory()) describe(path, `${shown}/`, found)
  }
  return found
}

async function unpacked(
  root: Uint8Array,
  archive: ArchiveFormat,
  program: (file: string, into: string) => void,
): Promise<string> {
  const { bytes, kind } = await open(root, repo.source(), archive)
  expect(kind).toBe(archive)
  const file = join(repo.directory, `archive.${archive}`)
  writeFileSync(file, await collect(bytes))
  const into = join(repo.directory, `out-${archive}`)
  mkdirSync(into)
  program(file, into)
  return join(into, 'source')
}

const gnuTar = (file: string, into: string): void => {
  execFileSync('tar', ['--extract', '--preserve-permissions', '--file', file, '--directory', into], {
    stdio: 'pipe',
  })
}

test('a directory as tar is what GNU tar makes of it: types, modes, links, long names, ns times', async () => {
  makeTree()
  linkSync(repo.source('plain'), repo.source('dir', 'inner', 'second'))
  execFileSync('mkfifo', [repo.source('fifo')])
  writeFileSync(Buffer.concat([Buffer.from(`${repo.source()}/raw-`), Buffer.of(0xff, 0xe4)]), 'not UTF-8')
  const out = await unpacked(await backedUp(), 'tar', gnuTar)
  expect(describe(out)).toEqual(describe(repo.source()))
  expect(lstatSync(out, { bigint: true }).mtimeNs).toBe(lstatSync(repo.source(), { bigint: true }).mtimeNs)
})

test('GNU tar sets the ACLs that were saved, by number', async () => {
  mkdirSync(repo.source('dir'))
  writeFileSync(repo.source('dir', 'file'), 'x')
  writeFileSync(repo.source('dir', 'plain'), 'x')
  execFileSync('setfacl', ['-m', 'u:12345:rw,g:54321:r,m::rwx,o::-', repo.source('dir', 'file')])
  execFileSync('setfacl', ['-m', 'u:12345:rx,d:u:12345:rwx,d:g:54321:-', repo.source('dir')])
  const out = await unpacked(await backedUp(), 'tar', (file, into) => {
    execFileSync('tar', ['--acls', '-xpf', file, '-C', into], { stdio: 'pipe' })
  })
  const acls = (directory: string): string =>
    execFileSync('getfacl', ['-R', '-n', '.'], { cwd: directory, encoding: 'utf8' })
  expect(acls(out)).toBe(acls(repo.source()))
  expect(acls(out)).toContain('default:user:12345:rwx')
})

test('tar leaves out what could not be read, counts it, and says what in words; sockets do not count', async () => {
  for (const name of ['readable', 'secret']) writeFileSync(repo.source(name), name)
  mkdirSync(repo.source('closed'))
  repo.meddle = (source) => {
    const refuse = (path: string, name: string): void => {
      if (path === repo.source(name))
        throw Object.assign(new Error(name), { code: 'EACCES', syscall: 'open' })
    }
    return {
      ...source,
      open: (path) => {
        refuse(path, 'secret')
        return source.open(path)
      },
      list: (path) => {
        refuse(path, 'closed')
        return source.list(path)
      },
    }
  }
  const server = createServer().listen(repo.source('socket'))
  const root = await backedUp()
  server.close()
  for (const archive of ['tar', 'zip'] as const) {
    events = []
    const { bytes, lacking } = await open(root, repo.source(), archive)
    const whole = await collect(bytes)
    expect(whole.includes(Buffer.from('source/readable'))).toBe(true)
    expect(whole.includes(Buffer.from('source/secret'))).toBe(false)
    const warnings = events.filter((event) => event.kind === 'warning')
    expect(warnings.filter(({ reason }) => reason.includes('(permission denied)'))).toHaveLength(2)
    expect(warnings).toHaveLength(3)
    expect(lacking()).toBe(2)
  }
})

test('Python reads the same names and times, and counts the same members', async () => {
  makeTree()
  const root = await backedUp()
  const script =
    'import sys,tarfile\nfor m in tarfile.open(sys.argv[1]): print(m.name, m.size, m.type.decode())'
  await unpacked(root, 'tar', (file) => {
    const lines = execFileSync('python3', ['-c', script, file], { encoding: 'utf8' }).trim().split('\n')
    expect(lines).toHaveLength(1 + Object.keys(describe(repo.source())).length)
    expect(lines).toContain('source/umläut \u{1f600} 7 0')
    expect(lines).toContain('source/dir 0 5')
  })
})

test('a directory as ZIP is what Info-ZIP makes of it', async () => {
  makeTree()
  const out = await unpacked(await backedUp(), 'zip', (file, into) => {
    execFileSync('unzip', ['-tq', file], { stdio: 'pipe' })
    execFileSync('unzip', ['-qq', '-X', '-K', file, '-d', into], { stdio: 'pipe' })
  })
  const seconds = (tree: Record<string, Described>): unknown =>
    Object.entries(tree).map(([name, { mtime, ...rest }]) => {
      // unzip does not set the times of links
      return [name, { ...rest, seconds: rest.target === '' ? mtime / 1_000_000_000n : 0n }]
    })
  expect(seconds(describe(out))).toEqual(seconds(describe(repo.source())))
})

test('ZIP leaves out what it cannot hold, and says so', async () => {
  execFileSync('mkfifo', [repo.source('fifo')])
  writeFileSync(Buffer.concat([Buffer.from(`${repo.source()}/raw-\u{1f600}-`), Buffer.of(0xff)]), 'not UTF-8')
  const { bytes, lacking } = await open(await backedUp(), repo.source(), 'zip')
  const archive = await collect(bytes)
  expect(lacking()).toBe(1)
  expect(archive.includes(Buffer.from('source/raw-\u{1f600}-%FF'))).toBe(true)
  expect(events.filter(({ kind }) => kind === 'warning')).toHaveLength(2)
})

test('more than ZIP can hold is refused before the first byte', async () => {
  writeFileSync(repo.source('sparse'), '')
  truncateSync(repo.source('sparse'), 5_000_000_000)
  const { bytes } = await open(await backedUp(), repo.source(), 'zip')
  await expect(bytes[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'USAGE' })
})

test('the root of a snapshot can be dumped', async () => {
  writeFileSync(repo.source('plain'), 'x')
  const { bytes } = await open(await backedUp(), '/')
  const file = join(repo.directory, 'root.tar')
  writeFileSync(file, await collect(bytes))
  const names = execFileSync('tar', ['-tf', file], { encoding: 'utf8' }).trim().split('\n')
  expect(names.at(-1)).toBe(repo.source('plain').slice(1))
})
