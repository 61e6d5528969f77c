import { describe, expect, it } from 'vitest'
import { BaseArchive, parseBackupLabel } from '../../../../src/jobs/sources/base-archive.ts'
import { type TarMember, TarParser } from '../../../../src/jobs/sources/tar-parser.ts'
import { tarBytes, tarHeader } from '../../../support/tar-bytes.ts'

const MIB = 1024 * 1024
const LABEL =
  'START WAL LOCATION: 0/3000028 (file 000000010000000000000003)\nCHECKPOINT LOCATION: 0/3000060\nSTART TIMELINE: 1\n'
const MANIFEST = (end: string): string =>
  `{ "PostgreSQL-Backup-Manifest-Version": 1,\n"Files": [\n],\n"WAL-Ranges": [\n{ "Timeline": 1, "Start-LSN": "0/3000028", "End-LSN": "${end}" }\n],\n"Manifest-Checksum": "88"}\n`

const base = (end = '0/3000100'): [string, string][] => [
  ['backup_label', LABEL],
  ['base/1/1259', 'x'.repeat(8192)],
  ['global/pg_control', 'y'.repeat(8192)],
  ['backup_manifest', MANIFEST(end)],
]

/** In parts of `part` bytes. */
function read(bytes: Uint8Array, part = 1000): ReturnType<BaseArchive['finish']> {
  const archive = new BaseArchive()
  for (let at = 0; at < bytes.length; at += part) archive.push(bytes.subarray(at, at + part))
  return archive.finish(16 * MIB)
}

function members(bytes: Uint8Array, part: number): { readonly found: TarMember[]; readonly data: string } {
  const parser = new TarParser()
  const found: TarMember[] = []
  let data = ''
  for (let at = 0; at < bytes.length; at += part)
    for (const event of parser.push(bytes.subarray(at, at + part)))
      if ('member' in event) found.push(event.member)
      else data += Buffer.from(event.data).toString()
  parser.finish()
  return { found, data }
}

describe('a tar archive as it comes', () => {
  it.each([1, 7, 511, 512, 513, 1_000_000])('is the same in parts of %d bytes', (part) => {
    const bytes = tarBytes([
      ['a', 'one'],
      ['dir/', ''],
      ['dir/b', 'x'.repeat(512)],
      ['empty', ''],
    ])
    const { found, data } = members(bytes, part)
    expect(found.map(({ name, type, size }) => [name, type, size])).toEqual([
      ['a', 'file', 3],
      ['dir/', 'directory', 0],
      ['dir/b', 'file', 512],
      ['empty', 'file', 0],
    ])
    expect(data).toBe(`one${'x'.repeat(512)}`)
  })

  it('may have files above 8 GiB', () => {
    const header = tarHeader('large', 'file', 9 * 1024 ** 3)
    expect([...new TarParser().push(header)]).toMatchObject([{ member: { size: 9 * 1024 ** 3 } }])
  })

  it('with a changed header is refused', () => {
    const bytes = tarBytes([['a', 'one']])
    for (const at of [0, 130, 150, 300]) {
      const changed = bytes.slice()
      changed[at]! ^= 1
      expect(() => members(changed, 1000), String(at)).toThrow('a header does not add up')
    }
  })

  it('without its end is cut short', () => {
    const bytes = tarBytes([['a', 'one']])
    for (const length of [0, 512, 1024, 1535, 1536, 2047])
      expect(() => members(bytes.subarray(0, length), 100), String(length)).toThrow('cut short')
    expect(() => members(Buffer.concat([bytes, tarBytes([['b', 'two']])]), 100)).toThrow('behind its end')
  })
})

describe('a base backup', () => {
  it('says where its WAL begins and ends', () => {
    expect(read(tarBytes(base()))).toEqual({
      timeline: 1,
      startSegment: '000000010000000000000003',
      endSegment: '000000010000000000000003',
    })
    expect(read(tarBytes(base('1/5000001')), 1).endSegment).toBe('000000010000000100000005')
  })

  it('that ends at the border of a segment needs nothing of the next', () => {
    expect(read(tarBytes(base('0/5000000'))).endSegment).toBe('000000010000000000000004')
  })

  it('that is something else is refused', () => {
    expect(() => read(tarBytes(base().slice(1)))).toThrow('does not begin with backup_label')
    expect(() => read(tarBytes([['backup_label', 'x'.repeat(70_000)], ...base().slice(1)]))).toThrow(
      'does not begin with backup_label',
    )
    expect(() => read(Buffer.from('PGDMP'.repeat(200)))).toThrow('a header does not add up')
  })

  it('that lacks its end is refused', () => {
    expect(() => read(tarBytes(base().slice(0, 3)))).toThrow('backup_manifest is not its last file')
    expect(() => read(tarBytes(base().filter(([name]) => name !== 'global/pg_control')))).toThrow(
      'global/pg_control is missing',
    )
    const whole = tarBytes(base())
    expect(() => read(whole.subarray(0, -512))).toThrow('cut short')
  })

  it('whose label or manifest cannot be understood is refused', () => {
    expect(() => parseBackupLabel(LABEL.replace('000000010000000000000003', '0000'))).toThrow('does not say')
    expect(() => read(tarBytes([...base().slice(0, 3), ['backup_manifest', '{}']]))).toThrow(
      'where the WAL ends',
    )
    expect(() => read(tarBytes(base('0/0')))).toThrow('where the WAL ends')
  })
})
