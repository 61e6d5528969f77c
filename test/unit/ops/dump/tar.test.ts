import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { type TarMember, tarEnd, tarHeader, tarPadding } from '../../../../src/ops/dump/tar.ts'

const MEMBER: TarMember = {
  path: 'a',
  type: 'file',
  mode: 0o644,
  uid: 1000,
  gid: 100,
  user: 'ada',
  group: 'users',
  size: 0,
  mtimeSec: 1_700_000_000,
  mtimeNsec: 0,
}

const script = `
import sys, tarfile, json
t = tarfile.open(fileobj=sys.stdin.buffer, mode='r|', errors='surrogateescape')
m = t.next()
print(json.dumps(dict(name=list(m.name.encode('utf-8', 'surrogateescape')), type=m.type.decode(), uid=m.uid, gid=m.gid,
  uname=m.uname, gname=m.gname, size=m.size, link=m.linkname, major=m.devmajor, minor=m.devminor, mode=m.mode, pax=m.pax_headers)))
`

type Found = {
  readonly name: number[]
  readonly pax: Record<string, string>
  readonly [field: string]: unknown
}

function read(member: Partial<TarMember>): Found {
  const input = Buffer.concat([tarHeader({ ...MEMBER, ...member }), tarEnd()])
  return JSON.parse(execFileSync('python3', ['-c', script], { input, encoding: 'utf8' })) as Found
}

test('what ustar can say needs no extended header', () => {
  expect(tarHeader(MEMBER)).toHaveLength(512)
  expect(read({})).toMatchObject({
    name: [97],
    type: '0',
    uid: 1000,
    gid: 100,
    uname: 'ada',
    gname: 'users',
    pax: {},
  })
})

test('sizes and owners beyond the octal fields are in records', () => {
  const size = 20_000_000_000
  expect(read({ size, uid: 4_000_000_000, gid: 3_000_000 })).toMatchObject({
    size,
    uid: 4_000_000_000,
    gid: 3_000_000,
  })
})

test.each([
  [1, 5, '1.000000005'],
  [1_700_000_000, 120_000_000, '1700000000.12'],
  [-1, 0, '-1'],
  [-2, 500_000_000, '-1.5'],
  [-1, 750_000_000, '-0.25'],
])('a time of %d s and %d ns is %s', (mtimeSec, mtimeNsec, expected) => {
  expect(read({ mtimeSec, mtimeNsec }).pax).toMatchObject({ mtime: expected })
})

test('a record counts its own length where that changes the number of its digits', () => {
  for (let bytes = 88; bytes < 94; bytes++) {
    const path = `ä${'x'.repeat(bytes - 2)}`
    expect(Buffer.from(read({ path }).name).toString(), `${bytes} bytes`).toBe(path)
  }
})

test('xattrs, ACLs among them, are binary records; names with = are escaped', () => {
  const xattrs = [
    { name: 'user.a=b%', value: Buffer.from('v=1\n') },
    { name: 'system.posix_acl_access', value: Uint8Array.of(2, 0, 0, 0) },
  ]
  expect(read({ xattrs }).pax).toMatchObject({
    'SCHILY.xattr.user.a%3Db%25': 'v=1\n',
    'SCHILY.xattr.system.posix_acl_access': '\u0002\u0000\u0000\u0000',
  })
})

test('bytes that are not UTF-8 come back', () => {
  const found = read({ path: `${'long/'.repeat(30)}\udcff\udce4` })
  expect(found.pax).toMatchObject({ hdrcharset: 'BINARY' })
  expect(found.name.slice(-2)).toEqual([0xff, 0xe4])
})

test('devices and links', () => {
  expect(read({ type: 'char', device: { major: 4, minor: 1000 } })).toMatchObject({
    type: '3',
    major: 4,
    minor: 1000,
  })
  expect(read({ type: 'symlink', link: 't'.repeat(300) })).toMatchObject({ type: '2', link: 't'.repeat(300) })
  expect(read({ type: 'hardLink', link: 'first' })).toMatchObject({ type: '1', link: 'first' })
})

test('padding fills the last block', () => {
  expect([0, 1, 511, 512, 513].map((size) => tarPadding(size).length)).toEqual([0, 511, 1, 0, 511])
})
