/** A directory with every kind of entry that a file system can hold, as far as this user may make it. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { isRoot } from './snap.ts'
import { overwrite, seededBytes, seededText, writeLarge } from './tree.ts'

const MIB = 1_048_576
/** Above the size at which a file is read in pieces by several threads. */
export const BIG_FILE_BYTES: number = 71 * MIB + 123
const SPARSE_BYTES = 40 * MIB

/** Makes it at `root`. A socket, which no backup can bring back, lies in `root`/run alone. */
export async function makeZoo(root: string): Promise<void> {
  for (const name of [
    '',
    'run',
    'modes',
    'links',
    'links/other',
    'special',
    'attributes',
    'names',
    'times',
    'owners',
    'sparse',
    'empty dir',
  ]) {
    mkdirSync(join(root, name))
  }
  contents(root)
  modes(join(root, 'modes'))
  links(join(root, 'links'))
  special(join(root, 'special'))
  attributes(join(root, 'attributes'))
  names(join(root, 'names'))
  if (isRoot) owners(join(root, 'owners'))
  await socket(join(root, 'run', 'daemon.sock'))
  times(root)
}

function contents(root: string): void {
  writeFileSync(join(root, 'regular.txt'), seededText(100_000, 1))
  writeFileSync(join(root, 'one byte'), 'x')
  writeFileSync(join(root, 'empty'), '')
  writeFileSync(join(root, 'random.bin'), seededBytes(3 * MIB + 7, 2))
  writeFileSync(join(root, 'zeros.bin'), Buffer.alloc(2 * MIB))
  writeLarge(join(root, 'big.bin'), BIG_FILE_BYTES, 3)
  const sparse = (
    name: string,
    size: number,
    pieces: readonly (readonly [at: number, bytes: number])[],
  ): void => {
    const path = join(root, 'sparse', name)
    closeSync(openSync(path, 'w'))
    truncateSync(path, size)
    for (const [at, bytes] of pieces) overwrite(path, at, seededBytes(bytes, at + 5))
  }
  sparse('hole at the start', SPARSE_BYTES, [[SPARSE_BYTES - 65_536, 65_536]])
  sparse('hole in the middle', SPARSE_BYTES, [
    [0, 65_536],
    [SPARSE_BYTES - 65_536, 65_536],
  ])
  sparse('hole at the end', SPARSE_BYTES, [[0, 131_072]])
  sparse('holes everywhere', SPARSE_BYTES, [
    [8 * MIB, 8192],
    [16 * MIB, 65_536],
    [24 * MIB + 4096, 4096],
  ])
  sparse('only a hole', SPARSE_BYTES, [])
  sparse('larger than a piece', 200 * MIB + 1, [
    [0, 4096],
    [150 * MIB, 131_072],
  ])
}

function modes(directory: string): void {
  const modesOfFiles = [
    0o000, 0o400, 0o444, 0o600, 0o644, 0o755, 0o777, 0o4755, 0o2755, 0o6755, 0o1644, 0o7777,
  ]
  for (const mode of modesOfFiles) {
    const path = join(directory, `file ${mode.toString(8)}`)
    writeFileSync(path, `mode ${mode}\n`)
    chmodSync(path, mode)
  }
  for (const mode of [0o500, 0o555, 0o700, 0o755, 0o1777, 0o2775]) {
    const path = join(directory, `directory ${mode.toString(8)}`)
    mkdirSync(path)
    writeFileSync(join(path, 'inside'), 'in a directory\n')
    mkdirSync(join(path, 'below'))
    writeFileSync(join(path, 'below', 'deeper'), 'deeper\n')
    chmodSync(path, mode)
  }
}

function links(directory: string): void {
  symlinkSync('nowhere/at/all', join(directory, 'dangling'))
  symlinkSync('/etc/passwd', join(directory, 'absolute'))
  symlinkSync('other', join(directory, 'to a directory'))
  symlinkSync('../..', join(directory, 'upwards'))
  symlinkSync('itself', join(directory, 'itself'))
  symlinkSync('t'.repeat(3000), join(directory, 'long target'))
  symlinkSync(Buffer.from([0x66, 0xff, 0x0a, 0xfe]), join(directory, 'target of bytes'))
  writeFileSync(join(directory, 'a'), 'one file with three names\n')
  linkSync(join(directory, 'a'), join(directory, 'b'))
  linkSync(join(directory, 'a'), join(directory, 'other', 'c'))
  writeFileSync(join(directory, 'empty a'), '')
  linkSync(join(directory, 'empty a'), join(directory, 'other', 'empty b'))
  writeFileSync(join(directory, 'large a'), seededBytes(2 * MIB, 9))
  linkSync(join(directory, 'large a'), join(directory, 'other', 'large b'))
}

function special(directory: string): void {
  execFileSync('mkfifo', ['-m', '0640', join(directory, 'fifo')])
  if (!isRoot) return
  execFileSync('mknod', ['-m', '0660', join(directory, 'char'), 'c', '1', '3'])
  execFileSync('mknod', ['-m', '0600', join(directory, 'block'), 'b', '259', '70000'])
  execFileSync('mknod', ['-m', '0600', join(directory, 'second name of char'), 'c', '4095', '1048575'])
  linkSync(join(directory, 'fifo'), join(directory, 'second name of fifo'))
}

function attributes(directory: string): void {
  const file = (name: string): string => {
    const path = join(directory, name)
    writeFileSync(path, `${name}\n`)
    return path
  }
  const set = (path: string, name: string, value: string): void => {
    execFileSync('setfattr', ['-h', '-n', name, '-v', value, path])
  }
  const user = file('user')
  set(user, 'user.note', 'a note')
  set(user, 'user.empty', '""')
  set(user, 'user.binary', '0x00ff0a0d00')
  set(user, 'user.long', `0x${'ab'.repeat(2000)}`)
  execFileSync('setfacl', ['-m', 'u:12345:rw,g:23456:r,m::rw', file('acl')])
  const inherited = join(directory, 'default acl')
  mkdirSync(inherited)
  execFileSync('setfacl', ['-d', '-m', 'u:12345:rwx,g::r-x', inherited])
  execFileSync('setfacl', ['-m', 'u:777:rx', inherited])
  writeFileSync(join(inherited, 'inherits'), 'it does\n')
  mkdirSync(join(inherited, 'inherits too'))
  set(inherited, 'user.on.a.directory', 'yes')
  if (!isRoot) return
  set(file('trusted'), 'trusted.secret', 'only root sees this')
  execFileSync('setcap', ['cap_net_bind_service,cap_net_raw=ep', file('capable')])
  symlinkSync('capable', join(directory, 'link'))
  set(join(directory, 'link'), 'trusted.of.the.link', 'itself')
}

function names(directory: string): void {
  const bytes = (...values: (string | number)[]): Buffer =>
    Buffer.concat(values.map((value) => (typeof value === 'string' ? Buffer.from(value) : Buffer.of(value))))
  const all = [
    bytes('new\nline'),
    bytes(' leading and trailing '),
    bytes('tab\tand\rreturn'),
    bytes('bytes', 0xff, 0xfe, 'end'),
    bytes(0x80),
    bytes('cut short', 0xe2, 0x82),
    bytes(0xed, 0xa0, 0x80),
    bytes('n'.repeat(255)),
    bytes('😀 emoji 🏳️‍🌈'),
    bytes('é composed'),
    bytes('e\u0301 decomposed'),
    bytes('\u001b]0;title\u0007\u001b[31mred'),
    bytes('\u202egpj.exe'),
    bytes('-rf'),
    bytes('*'),
    bytes('quote\'"`$HOME\\'),
    bytes('con.txt. '),
    bytes('...'),
    bytes('.hidden'),
    bytes(1, 2, 3, 127),
  ]
  for (const name of all) writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), name]), name)
  const deep = Buffer.concat([Buffer.from(`${directory}/`), bytes('dir', 0xff)])
  mkdirSync(deep)
  writeFileSync(Buffer.concat([deep, bytes('/', 0xfe)]), 'below a name of bytes')
}

function owners(directory: string): void {
  for (const [uid, gid] of [
    [0, 0],
    [1, 1],
    [12_345, 54_321],
    [65_534, 65_534],
    [4_000_000_000, 4_000_000_001],
  ] as const) {
    const path = join(directory, `${uid} ${gid}`)
    writeFileSync(path, 'owned\n')
    lchownSync(path, uid, gid)
    symlinkSync('x', `${path} link`)
    lchownSync(`${path} link`, uid, gid)
    mkdirSync(`${path} directory`)
    lchownSync(`${path} directory`, uid, gid)
  }
  // A change of owner takes setuid away, so the mode comes last.
  const setuid = join(directory, 'setuid of another')
  writeFileSync(setuid, 'x')
  lchownSync(setuid, 1234, 5678)
  chmodSync(setuid, 0o6755)
}

async function socket(path: string): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(path, resolve))
  // Closing would remove the name: another name keeps the socket.
  linkSync(path, `${path}.kept`)
  await new Promise<void>((resolve) => server.close(() => resolve()))
}

/** Last, as everything before would change the times of directories. */
function times(root: string): void {
  const at = (seconds: string, ...paths: string[]): void => {
    execFileSync('touch', ['-h', '-d', `@${seconds}`, '--', ...paths])
  }
  const file = (name: string): string => {
    const path = join(root, 'times', name)
    writeFileSync(path, name)
    return path
  }
  at('-1.5', file('just before 1970'))
  at('-2147483648.000000001', file('1901'))
  at('4102444800.123456789', file('2100'))
  at('1600000000.000000001', file('one nanosecond'))
  at('1600000000.999999999', file('almost a second more'))
  at('0', file('the epoch'))
  symlinkSync('nothing', join(root, 'times', 'old link'))
  at('946684800.987654321', join(root, 'times', 'old link'))
  at(
    '946684800.111111111',
    join(root, 'links', 'dangling'),
    join(root, 'special', 'fifo'),
    join(root, 'empty dir'),
  )
  at('946684801.222222222', join(root, 'modes', 'directory 555'), join(root, 'links', 'a'))
  at('-86400.75', join(root, 'times'))
  at('1234567890.123456789', root)
}
