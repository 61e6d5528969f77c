import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { nameBytes } from '../../../src/base/names.ts'
import { createPortableCalls } from '../../../src/filesystem/portable.ts'
import { loadPosixCalls } from '../../../src/filesystem/posix.ts'
import type { SystemCalls } from '../../../src/filesystem/system-calls.ts'
import { systemError } from '../../../src/filesystem/system-error.ts'
import { createTargetFiles } from '../../../src/filesystem/target-files.ts'
import type { TargetMeta } from '../../../src/model/files.ts'
import { ACL, isRoot, scratchDirectory } from './scratch.ts'

const scratch = scratchDirectory()
let count = 0
const freshPath = () => join(scratch(), `target-${count++}`)

function posixCalls(): SystemCalls {
  const calls = loadPosixCalls()
  if (calls === undefined) throw new Error('libc does not load')
  return calls
}

const ownUid = process.geteuid?.() ?? 0
const ownGid = process.getegid?.() ?? 0
const meta = (changes: Partial<TargetMeta> = {}): TargetMeta => ({
  mode: 0o644,
  uid: ownUid,
  gid: ownGid,
  mtimeSec: 1_000_000_000,
  mtimeNsec: 0,
  xattrs: [],
  ...changes,
})
const code = (value: string) => expect.objectContaining({ code: value })
function bindMount(from: string, to: string): void {
  execFileSync('mount', ['--bind', from, to])
  onTestFinished(() => void execFileSync('umount', ['-l', to]))
}
const openDescriptors = () => fs.readdirSync('/proc/self/fd').length

describe.each([
  ['through libc', () => posixCalls()],
  ['through descriptors behind /proc', () => createPortableCalls(true)],
  ['through plain paths', () => createPortableCalls(false)],
] as const)('a restore target %s', (_how, makeCalls) => {
  const calls = makeCalls()
  const files = createTargetFiles(calls)
  const open = (path = freshPath()) => ({ path, root: files.openRoot(path) })

  it('is made with its parents, and may be reached through a link', () => {
    const path = join(freshPath(), 'a', 'b')
    files.openRoot(path)[Symbol.dispose]()
    expect(fs.statSync(path).mode & 0o777).toBe(0o700)
    const link = freshPath()
    fs.symlinkSync(path, link)
    using root = files.openRoot(link)
    files.close(root.createFile('x', 0o600))
    expect(fs.readdirSync(path)).toEqual(['x'])
  })

  it('that is a file is refused', () => {
    const path = freshPath()
    fs.writeFileSync(path, '')
    expect(() => files.openRoot(path)).toThrow(code('TARGET_UNWRITABLE'))
  })

  it('takes files, links and directories and gives them back', () => {
    const { path, root } = open()
    using dir = root.makeDirectory('dir')
    expect(root.lstat('dir')).toMatchObject({ type: 'dir', mode: 0o700 })
    const fd = dir.createFile('file', 0o640)
    files.write(fd, Buffer.from('world'), 6)
    files.write(fd, Buffer.from('hello '), 0)
    const back = Buffer.alloc(20)
    expect(files.read(fd, back, 2, 10, 3)).toBe(8)
    expect(back.toString('latin1', 2, 10)).toBe('lo world')
    files.truncate(fd, 5)
    expect(files.setFileMeta(fd, meta({ mode: 0o640, mtimeSec: 1.5e9 }))).toEqual([])
    files.close(fd)
    dir.makeSymlink('symlink', '../\udcff')
    dir.makeLink('hard', dir, 'file')
    root.makeLink('outer', dir, 'file')
    dir.rename('hard', 'renamed')
    expect(fs.readFileSync(join(path, 'outer'), 'utf8')).toBe('hello')
    expect(dir.lstat('file')).toMatchObject({ mode: 0o640, links: 3, size: 5, mtimeSec: 1.5e9 })
    expect(dir.list().sort()).toEqual(['file', 'renamed', 'symlink'])
    expect(dir.list().length).toBe(3)
    expect(dir.readlink('symlink')).toBe('../\udcff')
    expect(dir.lstat('missing')).toBeUndefined()
    using again = root.makeDirectory('dir')
    expect(again.list().length).toBe(3)
    root[Symbol.dispose]()
    root[Symbol.dispose]()
  })

  it('takes names of any bytes', () => {
    const { path, root } = open()
    const names = ['\udcff\udc80', 'new\nline', 'x'.repeat(255), 'é\ufffd', '-', '\\', '...']
    for (const name of names) files.close(root.createFile(name, 0o600))
    const there = fs.readdirSync(path, { encoding: 'buffer' }).map((bytes) => bytes.toString('hex'))
    expect(there.sort()).toEqual(names.map((name) => Buffer.from(nameBytes(name)).toString('hex')).sort())
    expect(root.list().sort()).toEqual([...names].sort())
    for (const name of names) root.remove(name)
    expect(root.list()).toEqual([])
    root[Symbol.dispose]()
  })

  it('refuses names that lead elsewhere, in every call', () => {
    const { path, root } = open()
    const outside = fs.readdirSync(join(path, '..')).sort()
    for (const name of ['', '.', '..', '/', 'a/b', '../x', '/etc/passwd', 'a\0b', '\0']) {
      const acts = [
        () => root.lstat(name),
        () => root.enter(name),
        () => root.makeDirectory(name),
        () => root.createFile(name, 0o600),
        () => root.openFile(name, true),
        () => root.makeSymlink(name, 'x'),
        () => root.makeLink(name, root, 'x'),
        () => root.makeLink('x', root, name),
        () => root.makeFifo(name, 0o600),
        () => root.makeDevice(name, 'char', 0o600, 1, 3),
        () => root.rename(name, 'x'),
        () => root.rename('x', name),
        () => root.remove(name),
        () => root.readlink(name),
        () => root.xattrs(name),
        () => root.setMeta(name, 'file', meta()),
      ]
      for (const act of acts) expect(act, JSON.stringify(name)).toThrow(code('TARGET_UNSAFE'))
    }
    expect(fs.readdirSync(join(path, '..')).sort()).toEqual(outside)
    expect(fs.readdirSync(path)).toEqual([])
    root[Symbol.dispose]()
  })

  it('never writes through planted links', () => {
    const { path, root } = open()
    const outside = freshPath()
    fs.mkdirSync(outside)
    fs.writeFileSync(join(outside, 'victim'), 'untouched')
    fs.chmodSync(join(outside, 'victim'), 0o600)
    fs.symlinkSync(outside, join(path, 'dir'))
    fs.symlinkSync(join(outside, 'victim'), join(path, 'file'))
    fs.symlinkSync(join(outside, 'new'), join(path, 'dangling'))
    fs.linkSync(join(outside, 'victim'), join(path, 'hard'))
    const before = fs.statSync(join(outside, 'victim'), { bigint: true })
    for (const act of [
      () => root.enter('dir'),
      () => root.makeDirectory('dir'),
      () => root.makeDirectory('dangling'),
      () => root.createFile('file', 0o666),
      () => root.createFile('dangling', 0o666),
      () => root.openFile('file', false),
      () => root.openFile('file', true),
      () => root.openFile('hard', true),
      () => root.makeSymlink('file', 'x'),
      () => root.makeLink('file', root, 'hard'),
      () => root.setMeta('file', 'file', meta({ mode: 0o777 })),
      () => root.setMeta('dir', 'dir', meta({ mode: 0o777 })),
    ]) {
      expect(act).toThrow(code('TARGET_UNSAFE'))
    }
    expect(root.setMeta('file', 'symlink', meta({ mode: 0o777 }))).toEqual([])
    for (const name of ['dir', 'file', 'dangling']) root.remove(name)
    const after = fs.statSync(join(outside, 'victim'), { bigint: true })
    expect([after.mtimeNs, after.mode, after.size]).toEqual([before.mtimeNs, before.mode, before.size])
    expect(fs.readdirSync(outside)).toEqual(['victim'])
    root[Symbol.dispose]()
  })

  it('stays in the directory that was entered when another takes its place', () => {
    const { path, root } = open()
    const outside = freshPath()
    fs.mkdirSync(outside)
    using dir = root.makeDirectory('dir')
    fs.renameSync(join(path, 'dir'), join(path, 'moved'))
    fs.symlinkSync(outside, join(path, 'dir'))
    const act = () => files.close(dir.createFile('file', 0o600))
    // With descriptors the file goes where the directory went; with plain paths the swap is noticed.
    if (calls.descriptorPaths) act()
    else expect(act).toThrow(code('TARGET_UNSAFE'))
    expect(fs.readdirSync(outside)).toEqual([])
    root[Symbol.dispose]()
  })

  it('refuses what exists and what is of another type', () => {
    const { path, root } = open()
    files.close(root.createFile('file', 0o600))
    execFileSync('mkfifo', [join(path, 'fifo')])
    expect(() => root.createFile('file', 0o600)).toThrow(code('TARGET_UNWRITABLE'))
    expect(() => root.enter('file')).toThrow(code('TARGET_UNWRITABLE'))
    expect(() => root.makeDirectory('file')).toThrow(code('TARGET_UNWRITABLE'))
    expect(() => root.openFile('fifo', true)).toThrow(code('TARGET_UNWRITABLE'))
    expect(() => root.openFile('missing', false)).toThrow(code('TARGET_UNWRITABLE'))
    expect(() => root.setMeta('file', 'fifo', meta())).toThrow(code('TARGET_UNWRITABLE'))
    expect(() => root.createFile('n'.repeat(256), 0o600)).toThrow(code('TARGET_UNWRITABLE'))
    root[Symbol.dispose]()
  })

  it('removes a tree and spares what its links lead to', () => {
    const { path, root } = open()
    const outside = freshPath()
    fs.mkdirSync(join(outside, 'kept'), { recursive: true })
    fs.mkdirSync(join(path, 'tree', 'a', 'b', 'c'), { recursive: true })
    fs.mkdirSync(join(path, 'tree', 'd'))
    fs.writeFileSync(join(path, 'tree', 'a', 'b', 'file'), 'x')
    fs.chmodSync(join(path, 'tree', 'a', 'b'), 0o500)
    fs.symlinkSync(outside, join(path, 'tree', 'a', 'link'))
    fs.symlinkSync('..', join(path, 'tree', 'd', 'up'))
    files.close(root.createFile('beside', 0o600))
    const before = openDescriptors()
    root.remove('tree')
    expect(openDescriptors()).toBe(before)
    expect(fs.readdirSync(path)).toEqual(['beside'])
    expect(fs.readdirSync(outside)).toEqual(['kept'])
    expect(() => root.remove('tree')).toThrow(code('TARGET_UNWRITABLE'))
    root[Symbol.dispose]()
  })

  it.runIf(isRoot)('removes nothing behind a mount of the same file system, and says where it is', () => {
    const { path, root } = open()
    const precious = freshPath()
    fs.mkdirSync(join(precious, 'inner'), { recursive: true })
    fs.writeFileSync(join(precious, 'inner', 'file'), 'x')
    const point = join(path, 'tree', 'a b\\c\n\u00e9', 'mounted')
    fs.mkdirSync(point, { recursive: true })
    fs.writeFileSync(join(path, 'tree', 'first'), 'x')
    bindMount(precious, point)
    const before = openDescriptors()
    expect(() => root.remove('tree')).toThrow(code('TARGET_UNSAFE'))
    expect(() => root.remove('tree')).toThrow(`something is mounted at ${point}`)
    expect(fs.readFileSync(join(precious, 'inner', 'file'), 'utf8')).toBe('x')
    expect(fs.readdirSync(join(path, 'tree'))).toContain('first')
    // The tree itself may be one.
    fs.mkdirSync(join(path, 'itself'))
    bindMount(precious, join(path, 'itself'))
    expect(() => root.remove('itself')).toThrow(code('TARGET_UNSAFE'))
    expect(fs.readdirSync(precious)).toEqual(['inner'])
    // Beside a mount, and in one, what is no mount goes.
    fs.mkdirSync(join(path, 'itself', 'inner', 'deeper'))
    using within = root.enter('itself')
    within.remove('inner')
    expect(fs.readdirSync(precious)).toEqual([])
    expect(openDescriptors()).toBe(before + (calls.descriptorPaths ? 1 : 0))
    root[Symbol.dispose]()
  })

  it.runIf(isRoot && calls.descriptorPaths)('sees what is mounted while it removes', () => {
    const path = freshPath()
    const precious = freshPath()
    fs.mkdirSync(precious)
    fs.writeFileSync(join(precious, 'file'), 'x')
    const point = join(path, 'tree', 'mounted')
    fs.mkdirSync(point, { recursive: true })
    let mounts = 1
    const meddled: SystemCalls = {
      ...calls,
      // The table of mounts has been read before.
      enterAt(dir, name) {
        if (name === 'mounted' && mounts-- > 0) bindMount(precious, point)
        return calls.enterAt(dir, name)
      },
    }
    using root = createTargetFiles(meddled).openRoot(path)
    const before = openDescriptors()
    expect(() => root.remove('tree')).toThrow(code('TARGET_UNSAFE'))
    expect(openDescriptors()).toBe(before)
    expect(fs.readdirSync(precious)).toEqual(['file'])
  })

  it('gives the mode that was asked for under any umask', () => {
    const umask = process.umask(0o077)
    try {
      const { path, root } = open()
      for (const [name, mode] of [
        ['a', 0o600],
        ['b', 0o644],
        ['c', 0o755],
        ['d', 0o444],
        ['e', 0],
        ['f', 0o777],
      ] as const) {
        const fd = root.createFile(name, mode)
        expect(files.setFileMeta(fd, meta({ mode }))).toEqual([])
        files.close(fd)
        expect(fs.statSync(join(path, name)).mode & 0o7777).toBe(mode)
      }
      root[Symbol.dispose]()
    } finally {
      process.umask(umask)
    }
  })

  it('keeps setuid, setgid and sticky, and drops the first two where the owner is not set', () => {
    const { path, root } = open()
    const make = (name: string, changes: Partial<TargetMeta>) => {
      const fd = root.createFile(name, changes.mode ?? 0)
      files.write(fd, Buffer.from('x'), 0)
      const lost = files.setFileMeta(fd, meta(changes))
      files.close(fd)
      return { lost, mode: fs.statSync(join(path, name)).mode & 0o7777 }
    }
    expect(make('kept', { mode: 0o6755 })).toEqual({ lost: [], mode: 0o6755 })
    expect(make('sticky', { mode: 0o1777 })).toEqual({ lost: [], mode: 0o1777 })
    const anonymous = make('anonymous', { mode: 0o6755, uid: undefined, gid: undefined })
    expect(anonymous.mode).toBe(0o755)
    expect(anonymous.lost).toEqual([expect.stringContaining('setuid'), expect.stringContaining('setgid')])
    using dir = root.makeDirectory('dir')
    expect(dir.setOwnMeta(meta({ mode: 0o3775 }))).toEqual([])
    expect(fs.statSync(join(path, 'dir')).mode & 0o7777).toBe(0o3775)
    root[Symbol.dispose]()
  })

  it('gives files away as root, and says so where it may not', () => {
    const { path, root } = open()
    const fd = root.createFile('file', 0o4755)
    const lost = files.setFileMeta(fd, meta({ mode: 0o4755, uid: 12_345, gid: 23_456 }))
    files.close(fd)
    root.makeSymlink('link', 'nowhere')
    const lostOfLink = root.setMeta('link', 'symlink', meta({ uid: 12_345, gid: 23_456, mtimeSec: 77 }))
    const stat = fs.statSync(join(path, 'file'))
    if (isRoot) {
      expect([lost, lostOfLink]).toEqual([[], []])
      expect([stat.uid, stat.gid, stat.mode & 0o7777]).toEqual([12_345, 23_456, 0o4755])
      expect(root.lstat('link')).toMatchObject({ uid: 12_345, gid: 23_456, mtimeSec: 77 })
    } else {
      expect(lost).toContainEqual(expect.stringContaining('owner 12345'))
      expect(stat.mode & 0o7777).toBe(0o755)
    }
    root[Symbol.dispose]()
  })

  it('gives a file in a setgid directory the group asked for', () => {
    const { path, root } = open()
    const dir = root.makeDirectory('dir')
    dir.setOwnMeta(meta({ mode: 0o2770, gid: isRoot ? 5_555 : ownGid }))
    for (const name of ['one', 'two']) {
      const fd = dir.createFile(name, 0o644)
      expect(files.setFileMeta(fd, meta())).toEqual([])
      files.close(fd)
      expect(fs.statSync(join(path, 'dir', name)).gid).toBe(ownGid)
    }
    dir[Symbol.dispose]()
    root[Symbol.dispose]()
  })

  it('updates an existing file in place, its metadata included', () => {
    const { path, root } = open()
    fs.writeFileSync(join(path, 'file'), 'old content')
    fs.chmodSync(join(path, 'file'), 0o400)
    const fd = root.openFile('file', true)
    files.write(fd, Buffer.from('new'), 0)
    files.truncate(fd, 3)
    expect(files.setFileMeta(fd, meta({ mode: 0o604 }))).toEqual([])
    files.close(fd)
    expect(fs.readFileSync(join(path, 'file'), 'utf8')).toBe('new')
    expect(root.lstat('file')).toMatchObject({ mode: 0o604, mtimeSec: 1_000_000_000 })
    root[Symbol.dispose]()
  })
})

describe('a restore target through libc', () => {
  const calls = posixCalls()
  const files = createTargetFiles(calls)

  it('keeps nanoseconds of files, directories, links and FIFOs, before 1970 and after 2038', () => {
    const path = freshPath()
    using root = files.openRoot(path)
    using dir = root.makeDirectory('dir')
    const fd = root.createFile('file', 0o644)
    root.makeSymlink('link', 'nowhere')
    root.makeFifo('fifo', 0o644)
    for (const [mtimeSec, mtimeNsec] of [
      [-631_152_000, 123_456_789],
      [-1, 999_999_999],
      [0, 0],
      [2_222_251_200, 1],
      [10_413_792_000, 999_999_999],
    ] as const) {
      const times = meta({ mtimeSec, mtimeNsec })
      expect(files.setFileMeta(fd, times)).toEqual([])
      expect(dir.setOwnMeta(times)).toEqual([])
      expect(root.setMeta('link', 'symlink', times)).toEqual([])
      expect(root.setMeta('fifo', 'fifo', times)).toEqual([])
      for (const name of ['file', 'dir', 'link', 'fifo']) {
        expect(root.lstat(name)).toMatchObject({ mtimeSec, mtimeNsec })
      }
    }
    files.close(fd)
  })

  it('keeps extended attributes and ACLs, and removes what an existing file has too many', () => {
    using root = files.openRoot(freshPath())
    const xattrs = [
      { name: 'system.posix_acl_access', value: ACL },
      ...(isRoot ? [{ name: 'trusted.t', value: Buffer.from('t') }] : []),
      { name: 'user.empty', value: Buffer.alloc(0) },
      { name: 'user.large', value: Buffer.alloc(2_000, 7) },
    ]
    const plain = (name: string) =>
      root.xattrs(name).map((xattr) => ({ ...xattr, value: Buffer.from(xattr.value) }))
    const fd = root.createFile('file', 0o640)
    expect(files.setFileMeta(fd, meta({ mode: 0o640, xattrs }))).toEqual([])
    expect(plain('file')).toEqual(xattrs)
    expect(root.lstat('file')?.mode).toBe(0o640)
    expect(
      files.setFileMeta(fd, meta({ mode: 0o664, xattrs: [{ name: 'user.other', value: Buffer.from('o') }] })),
    ).toEqual([])
    expect(plain('file')).toEqual([{ name: 'user.other', value: Buffer.from('o') }])
    expect(root.lstat('file')?.mode).toBe(0o664)
    files.close(fd)
    using dir = root.makeDirectory('dir')
    expect(dir.setOwnMeta(meta({ mode: 0o640, xattrs }))).toEqual([])
    expect(plain('dir')).toEqual(xattrs)
    expect(root.setMeta('dir', 'dir', meta({ mode: 0o750 }))).toEqual([])
    expect(plain('dir')).toEqual([])
  })

  it('sets attributes of a read-only file', () => {
    using root = files.openRoot(freshPath())
    const fd = root.createFile('file', 0o444)
    expect(
      files.setFileMeta(fd, meta({ mode: 0o444, xattrs: [{ name: 'user.a', value: Buffer.from('1') }] })),
    ).toEqual([])
    files.close(fd)
    expect(root.lstat('file')?.mode).toBe(0o444)
  })

  it('says which attributes cannot be kept', () => {
    using root = files.openRoot(freshPath())
    root.makeSymlink('link', 'x')
    const lost = root.setMeta(
      'link',
      'symlink',
      meta({ xattrs: [{ name: 'user.\n', value: Buffer.from('1') }] }),
    )
    expect(lost).toEqual(['xattr "user.\\n" (EPERM)'])
  })

  it('keeps the capabilities of a program behind a change of owner', () => {
    using root = files.openRoot(freshPath())
    // struct vfs_cap_data, revision 2: cap_net_raw (bit 13) permitted and effective.
    const value = Buffer.from('0100000200200000000000000000000000000000', 'hex')
    const fd = root.createFile('ping', 0o755)
    files.write(fd, Buffer.from('x'), 0)
    const capability = { name: 'security.capability', value }
    const lost = files.setFileMeta(
      fd,
      meta({ mode: 0o755, uid: isRoot ? 12_345 : ownUid, xattrs: [capability] }),
    )
    files.close(fd)
    if (isRoot) {
      expect(lost).toEqual([])
      expect(root.xattrs('ping').map((xattr) => Buffer.from(xattr.value))).toEqual([value])
    } else {
      // Root of a user namespace may; then the kernel notes whose root that was.
      expect(root.xattrs('ping').length).toBe(1 - lost.length)
      expect(['', 'xattr "security.capability" (EPERM)']).toContain(lost.join())
    }
  })

  it('hands down no default ACL of the target', () => {
    const path = freshPath()
    fs.mkdirSync(path)
    {
      using above = files.openRoot(scratch())
      const name = path.slice(scratch().length + 1)
      expect(
        above.setMeta(
          name,
          'dir',
          meta({ mode: 0o755, xattrs: [{ name: 'system.posix_acl_default', value: ACL }] }),
        ),
      ).toEqual([])
    }
    using root = files.openRoot(path)
    for (const dir of [root, root.makeDirectory('dir')]) {
      const fd = dir.createFile('file', 0o666)
      expect(files.setFileMeta(fd, meta({ mode: 0o666 }))).toEqual([])
      files.close(fd)
      expect(dir.xattrs('file')).toEqual([])
      expect(dir.lstat('file')?.mode).toBe(0o666)
      if (dir !== root) dir[Symbol.dispose]()
    }
    expect(root.lstat('dir')?.mode).toBe(0o700)
    expect(root.xattrs('dir')).toEqual([])
    expect(calls.xattrs(path).map(({ name }) => name)).toEqual(['system.posix_acl_default'])
  })

  it('makes FIFOs and, as root, device nodes', () => {
    using root = files.openRoot(freshPath())
    root.makeFifo('fifo', 0o4622)
    expect(root.setMeta('fifo', 'fifo', meta({ mode: 0o622 }))).toEqual([])
    expect(root.lstat('fifo')).toMatchObject({ type: 'fifo', mode: 0o622 })
    const make = () => root.makeDevice('disk', 'block', 0o660, 259, 70_000)
    if (!isRoot) {
      expect(make).toThrow(code('TARGET_UNWRITABLE'))
      return
    }
    make()
    expect(root.setMeta('disk', 'block', meta({ mode: 0o660, gid: 6 }))).toEqual([])
    expect(root.lstat('disk')).toMatchObject({
      type: 'block',
      mode: 0o660,
      gid: 6,
      rdevMajor: 259,
      rdevMinor: 70_000,
    })
    root.makeDevice('null', 'char', 0o666, 1, 3)
    expect(root.lstat('null')).toMatchObject({ type: 'char', rdevMajor: 1, rdevMinor: 3 })
    expect(() => root.makeDevice('odd', 'char', 0o666, 4_096, 0)).toThrow(code('TARGET_UNWRITABLE'))
    expect(() => root.makeDevice('odd', 'char', 0o666, 0, 1_048_576)).toThrow(code('TARGET_UNWRITABLE'))
  })

  it('makes, lists and removes 2,000 directories in each other', () => {
    using root = files.openRoot(freshPath())
    const before = openDescriptors()
    let dir = root.makeDirectory('deep')
    for (let level = 0; level < 2_000; level++) {
      const below = dir.makeDirectory('a directory')
      expect(dir.list()).toEqual(['a directory'])
      dir[Symbol.dispose]()
      dir = below
    }
    dir[Symbol.dispose]()
    expect(openDescriptors()).toBe(before)
    root.remove('deep')
    expect(root.list()).toEqual([])
    expect(openDescriptors()).toBe(before)
  })

  it('says that the target is full, and which file was being written', () => {
    using root = files.openRoot(freshPath())
    const full: SystemCalls = {
      ...calls,
      openAt: (_dir, name) => {
        throw systemError(28, 'open', name)
      },
      mkdirAt: (_dir, name) => {
        throw systemError(122, 'mkdir', name)
      },
    }
    using other = createTargetFiles(full).openRoot(freshPath())
    expect(() => other.createFile('big', 0o600)).toThrow(code('TARGET_FULL'))
    expect(() => other.makeDirectory('big')).toThrow(code('TARGET_FULL'))
    const fd = root.createFile('big', 0o600)
    const device = fs.openSync('/dev/full', 'w')
    expect(() => files.write(device, Buffer.from('x'), 0)).toThrow(code('TARGET_FULL'))
    fs.closeSync(device)
    expect(() => files.truncate(fd, 2 ** 53 - 1)).toThrow(/big/)
    files.close(fd)
  })
})

describe('platforms without libc', () => {
  it('say what is not kept, and refuse what cannot be made', () => {
    const calls = createPortableCalls(false)
    const files = createTargetFiles(calls)
    expect(calls.losses.length).toBeGreaterThan(createPortableCalls(true).losses.length)
    expect(posixCalls().losses).toEqual([])
    using root = files.openRoot(freshPath())
    expect(() => root.makeFifo('fifo', 0o600)).toThrow(code('PLATFORM_LACKS'))
    const fd = root.createFile('file', 0o600)
    expect(files.setFileMeta(fd, meta({ xattrs: [{ name: 'user.a', value: Buffer.from('1') }] }))).toEqual([
      'xattr "user.a" (ENOSYS)',
    ])
    files.close(fd)
  })
})
