import { execFileSync } from 'node:child_process'
import fs, { constants } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { compareNames } from '../../../src/base/names.ts'
import { isCacheDirectory } from '../../../src/filesystem/cache-directory.ts'
import { createPortableCalls } from '../../../src/filesystem/portable.ts'
import { loadPosixCalls } from '../../../src/filesystem/posix.ts'
import { createSourceFiles } from '../../../src/filesystem/source-files.ts'
import type { SystemCalls } from '../../../src/filesystem/system-calls.ts'
import type { SourceFiles } from '../../../src/model/files.ts'
import { ACL, isRoot, scratchDirectory } from './scratch.ts'

const scratch = scratchDirectory()

function posixCalls(): SystemCalls {
  const calls = loadPosixCalls()
  if (calls === undefined) throw new Error('libc does not load')
  return calls
}

const rawPath = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))))

let count = 0
function freshDirectory(): string {
  const path = join(scratch(), `dir-${count++}`)
  fs.mkdirSync(path)
  return path
}

function readAll(source: SourceFiles, path: string): Buffer {
  const fd = source.open(path)
  try {
    const bytes = Buffer.alloc(source.fstat(fd).size + 10)
    return bytes.subarray(0, source.read(fd, bytes, 0, bytes.length, 0))
  } finally {
    source.close(fd)
  }
}

describe.each([
  ['through libc', () => posixCalls()],
  ['through descriptors behind /proc', () => createPortableCalls(true)],
  ['through plain paths', () => createPortableCalls(false)],
] as const)('source files %s', (_how, calls) => {
  const source = createSourceFiles(calls())

  it('tell the same of an entry as Node does', () => {
    const dir = freshDirectory()
    fs.writeFileSync(join(dir, 'file'), 'hello')
    fs.linkSync(join(dir, 'file'), join(dir, 'link'))
    fs.symlinkSync('file', join(dir, 'symlink'))
    fs.chmodSync(join(dir, 'file'), 0o6754)
    for (const path of [join(dir, 'file'), join(dir, 'symlink'), dir, '/dev/null', '/']) {
      const stat = source.lstat(path)
      const node = fs.lstatSync(path, { bigint: true })
      expect(stat.mode).toBe(Number(node.mode & 0o7777n))
      expect([stat.uid, stat.gid, stat.links]).toEqual([node.uid, node.gid, node.nlink].map(Number))
      expect(stat.inode).toBe(Number(node.ino))
      expect(stat.allocated).toBe(Number(node.blocks) * 512)
      expect(BigInt(stat.mtimeSec) * 1_000_000_000n + BigInt(stat.mtimeNsec)).toBe(node.mtimeNs)
      expect(BigInt(stat.ctimeSec) * 1_000_000_000n + BigInt(stat.ctimeNsec)).toBe(node.ctimeNs)
    }
    expect(source.lstat(join(dir, 'file'))).toMatchObject({ type: 'file', size: 5, links: 2, mode: 0o6754 })
    expect(source.lstat(join(dir, 'symlink'))).toMatchObject({ type: 'symlink', size: 4 })
    expect(source.lstat(dir)).toMatchObject({ type: 'dir', size: 0 })
    expect(source.lstat('/dev/null')).toMatchObject({ type: 'char', rdevMajor: 1, rdevMinor: 3, size: 0 })
    expect(source.lstat(dir).device).toBe(source.lstat(join(dir, 'file')).device)
    expect(source.lstat('/proc').device).not.toBe(source.lstat('/').device)
  })

  it('list and read names of any bytes', () => {
    const dir = freshDirectory()
    const names = [
      'plain',
      'new\nline',
      'é😀',
      'x'.repeat(255),
      'r\ufffd',
      '\udcff',
      'a\udcc3b',
      '...',
      '\udced\udca0\udc80',
    ]
    for (const name of names) {
      const raw = name === '\udcff' ? [255] : name === 'a\udcc3b' ? [0x61, 0xc3, 0x62] : undefined
      const bytes = name.startsWith('\udced') ? [0xed, 0xa0, 0x80] : raw
      fs.writeFileSync(rawPath(`${dir}/`, bytes ?? name), `in ${name.length}`)
    }
    expect(source.list(dir).sort(compareNames)).toEqual([...names].sort(compareNames))
    for (const name of names) {
      expect(source.lstat(`${dir}/${name}`).size).toBeGreaterThan(3)
      expect(readAll(source, `${dir}/${name}`).toString()).toBe(`in ${name.length}`)
    }
  })

  it('list more names than one buffer holds', () => {
    const dir = freshDirectory()
    const names = Array.from({ length: 3_000 }, (_, index) => `${index}-${'n'.repeat(60)}`)
    for (const name of names) fs.writeFileSync(join(dir, name), '')
    expect(source.list(dir).sort()).toEqual(names.sort())
  })

  it('read the target of a link as bytes', () => {
    const dir = freshDirectory()
    fs.symlinkSync(rawPath('../', [0xfe], '/x'), join(dir, 'link'))
    expect(source.readlink(join(dir, 'link'))).toBe('../\udcfe/x')
  })

  it('open no symlink, and do not wait at a FIFO', () => {
    const dir = freshDirectory()
    fs.writeFileSync(join(dir, 'file'), 'x')
    fs.symlinkSync('file', join(dir, 'link'))
    execFileSync('mkfifo', [join(dir, 'fifo')])
    expect(() => source.open(join(dir, 'link'))).toThrow(expect.objectContaining({ code: 'ELOOP' }))
    const fd = source.open(join(dir, 'fifo'))
    expect(source.fstat(fd).type).toBe('fifo')
    source.close(fd)
    expect(source.lstat(join(dir, 'fifo')).type).toBe('fifo')
  })

  it('throw the error of the system with its path', () => {
    const path = join(freshDirectory(), 'missing')
    for (const call of [source.lstat, source.list, source.open, source.readlink]) {
      expect(() => call(path)).toThrow(expect.objectContaining({ code: 'ENOENT', path }))
    }
    expect(() => source.list('/dev/null')).toThrow(expect.objectContaining({ code: 'ENOTDIR' }))
    expect(() => source.lstat(`/${'n'.repeat(256)}`)).toThrow(
      expect.objectContaining({ code: 'ENAMETOOLONG' }),
    )
    expect(() => source.lstat('/dev/null\0x')).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^E/) }),
    )
  })

  it('recognise a cache directory by its signature alone', () => {
    const dir = freshDirectory()
    const tag = join(dir, 'CACHEDIR.TAG')
    expect(isCacheDirectory(source, dir)).toBe(false)
    fs.writeFileSync(tag, 'Signature: 8a477f597d28d172789f06886806bc5')
    expect(isCacheDirectory(source, dir)).toBe(false)
    fs.writeFileSync(tag, 'Signature: 8a477f597d28d172789f06886806bc55\n# a cache\n')
    expect(isCacheDirectory(source, dir)).toBe(true)
    fs.renameSync(tag, join(dir, 'elsewhere'))
    fs.symlinkSync('elsewhere', tag)
    expect(isCacheDirectory(source, dir)).toBe(false)
  })

  it('name users and groups', () => {
    expect([source.userName(0), source.groupName(0)]).toEqual(['root', 'root'])
    expect(source.userName(4_000_000_001)).toBeUndefined()
  })
})

describe('source files through libc', () => {
  const source = createSourceFiles(posixCalls())

  it('see a socket', async () => {
    const path = join(freshDirectory(), 'socket')
    const server = createServer()
    await new Promise<void>((ready) => server.listen(path, ready))
    expect(source.lstat(path).type).toBe('socket')
    await new Promise((closed) => server.close(closed))
  })

  it('keep nanoseconds before 1970 and after 2038', () => {
    const path = join(freshDirectory(), 'file')
    fs.writeFileSync(path, '')
    for (const [time, nanoseconds] of [
      ['1950-01-01T00:00:00', '123456789'],
      ['2040-06-01T12:00:00', '000000001'],
      ['2300-01-01T00:00:00', '999999999'],
    ] as const) {
      execFileSync('touch', ['-d', `${time}.${nanoseconds}Z`, path])
      const stat = source.lstat(path)
      expect([stat.mtimeSec, stat.mtimeNsec]).toEqual([Date.parse(`${time}Z`) / 1000, Number(nanoseconds)])
    }
  })

  it('do not touch the access time', () => {
    const path = join(freshDirectory(), 'file')
    fs.writeFileSync(path, 'x')
    fs.utimesSync(path, 1_000, 2_000)
    readAll(source, path)
    expect(fs.statSync(path).atimeMs).toBe(1_000_000)
  })

  it('find the data between holes', () => {
    const dir = freshDirectory()
    const mebibyte = 1_048_576
    const make = (name: string, size: number, ...data: number[]) => {
      const fd = fs.openSync(join(dir, name), 'w')
      fs.ftruncateSync(fd, size)
      for (const at of data) fs.writeSync(fd, Buffer.alloc(4_096, 1), 0, 4_096, at)
      fs.closeSync(fd)
      const read = source.open(join(dir, name))
      const extents = source.dataExtents(read, size)
      source.close(read)
      return extents
    }
    expect(make('empty', 0)).toEqual([])
    expect(make('hole', mebibyte)).toEqual([])
    expect(make('several', 8 * mebibyte, mebibyte, 3 * mebibyte)).toEqual([
      { offset: mebibyte, bytes: 4_096 },
      { offset: 3 * mebibyte, bytes: 4_096 },
    ])
    expect(make('ends', 3 * mebibyte, 0, 3 * mebibyte - 4_096)).toEqual([
      { offset: 0, bytes: 4_096 },
      { offset: 3 * mebibyte - 4_096, bytes: 4_096 },
    ])
    expect(make('far', 2 ** 40, 2 ** 39)).toEqual([{ offset: 2 ** 39, bytes: 4_096 }])
    expect(make('odd', 10_000, 0, 4_096)).toEqual([{ offset: 0, bytes: 8_192 }])
  })

  it('say one region of what has no holes to tell, and stop at the size asked for', () => {
    const path = join(freshDirectory(), 'file')
    fs.writeFileSync(path, Buffer.alloc(100_000, 1))
    const fd = source.open(path)
    expect(source.dataExtents(fd, 5_000)).toEqual([{ offset: 0, bytes: 5_000 }])
    source.close(fd)
    const device = source.open('/dev/null')
    expect(source.dataExtents(device, 10)).toEqual([{ offset: 0, bytes: 10 }])
    source.close(device)
  })

  it('read extended attributes, of links their own, sorted', () => {
    const dir = freshDirectory()
    const file = join(dir, 'file')
    fs.writeFileSync(file, '')
    fs.symlinkSync('file', join(dir, 'link'))
    expect(source.xattrs(file)).toEqual([])
    const calls = posixCalls()
    const handle = calls.openDirectory(dir)
    const entry = calls.entryAt(handle, 'file')
    entry.setXattr('user.z', new Uint8Array())
    entry.setXattr(
      'user.a',
      Uint8Array.from({ length: 256 }, (_, index) => index),
    )
    entry.setXattr('user.\udcff', Buffer.from('1'))
    entry.setXattr('system.posix_acl_access', ACL)
    entry[Symbol.dispose]()
    calls.closeDirectory(handle)
    const xattrs = source.xattrs(file)
    expect(xattrs.map(({ name }) => name)).toEqual([
      'system.posix_acl_access',
      'user.a',
      'user.z',
      'user.\udcff',
    ])
    expect([...(xattrs[1]?.value ?? [])]).toEqual(Array.from({ length: 256 }, (_, index) => index))
    expect(Buffer.from(xattrs[0]?.value ?? [])).toEqual(ACL)
    expect(xattrs[2]?.value.length).toBe(0)
    expect(source.xattrs(join(dir, 'link'))).toEqual([])
    expect(source.xattrs('/proc/self/status')).toEqual([])
  })

  it('reach what lies deeper than the kernel takes a path', () => {
    const calls = posixCalls()
    const name = 'n'.repeat(200)
    let dir = calls.openDirectory(freshDirectory())
    let path = fs.readlinkSync(`/proc/self/fd/${dir}`)
    for (let level = 0; level < 40; level++) {
      calls.mkdirAt(dir, name, 0o755)
      const next = calls.enterAt(dir, name)
      calls.closeDirectory(dir)
      dir = next
      path += `/${name}`
    }
    calls.close(calls.openAt(dir, 'leaf', constants.O_CREAT | constants.O_WRONLY, 0o644))
    calls.symlinkAt('there', dir, 'link')
    calls.closeDirectory(dir)
    const open = fs.readdirSync('/proc/self/fd').length
    expect(path.length).toBeGreaterThan(8_000)
    expect(source.list(path).sort()).toEqual(['leaf', 'link'])
    expect(source.lstat(`${path}/leaf`)).toMatchObject({ type: 'file', mode: 0o644 })
    expect(source.readlink(`${path}/link`)).toBe('there')
    expect(source.xattrs(`${path}/leaf`)).toEqual([])
    source.close(source.open(`${path}/leaf`))
    const missing = `${path}/missing`
    expect(() => source.lstat(missing)).toThrow(expect.objectContaining({ code: 'ENOENT', path: missing }))
    expect(() => source.lstat(`${path}/${'n'.repeat(300)}`)).toThrow(
      expect.objectContaining({ code: 'ENAMETOOLONG' }),
    )
    expect(fs.readdirSync('/proc/self/fd').length).toBe(open)
  })

  it('see device nodes that root made, and refuse them to others', () => {
    const path = join(freshDirectory(), 'block')
    const make = () => execFileSync('mknod', [path, 'b', '259', '70000'], { stdio: 'pipe' })
    if (!isRoot) {
      expect(make).toThrow()
      return
    }
    make()
    expect(source.lstat(path)).toMatchObject({ type: 'block', rdevMajor: 259, rdevMinor: 70_000 })
    expect(createSourceFiles(createPortableCalls()).lstat(path)).toEqual(source.lstat(path))
  })
})
