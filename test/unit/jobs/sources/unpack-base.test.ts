import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { emptyDirectory, unpackBase } from '../../../../src/jobs/sources/unpack-base.ts'
import { tarBytes } from '../../../support/tar-bytes.ts'

let root: string
let target: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'snapkeep-unpack-'))
  target = join(root, 'data')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

async function* parts(bytes: Uint8Array, size = 700): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function unpack(...members: readonly [string, string][]): Promise<void> {
  await emptyDirectory(target)
  await unpackBase(parts(tarBytes(members)), target)
}

describe('a base backup that is unpacked', () => {
  it('is there as it was, for its owner alone', async () => {
    const long = 'x'.repeat(5_000)
    await unpack(
      ['backup_label', 'l'],
      ['./pg_wal/', ''],
      ['base/1/2', long],
      ['./pg_wal/archive_status/', ''],
      ['empty', ''],
    )
    expect(readFileSync(join(target, 'base/1/2'), 'utf8')).toBe(long)
    expect(readFileSync(join(target, 'empty'), 'utf8')).toBe('')
    expect(readdirSync(target).sort()).toEqual(['backup_label', 'base', 'empty', 'pg_wal'])
    expect(readdirSync(join(target, 'pg_wal'))).toEqual(['archive_status'])
    for (const path of ['.', 'base', 'base/1/2', 'pg_wal/archive_status'])
      expect(statSync(join(target, path)).mode & 0o077, path).toBe(0)
  })

  it.each([
    '../outside',
    'a/../../outside',
    '/outside',
    '..',
    '.',
    './',
    'a/..',
    'outside->/etc/passwd',
    'pg_tblspc/1->../../outside',
  ])('puts nothing elsewhere: %s', async (name) => {
    await expect(unpack(['backup_label', 'l'], [name, 'x'])).rejects.toMatchObject({ code: 'TARGET_UNSAFE' })
    expect(readdirSync(root)).toEqual(['data'])
    expect(readdirSync(target)).toEqual(['backup_label'])
  })

  it('is refused where it is cut short, or has a file twice', async () => {
    await emptyDirectory(target)
    const bytes = tarBytes([['a', 'x'.repeat(1_000)]])
    await expect(unpackBase(parts(bytes.subarray(0, -600)), target)).rejects.toMatchObject({
      code: 'OBJECT_DAMAGED',
    })
    rmSync(target, { recursive: true })
    await expect(unpack(['a', '1'], ['a', '2'])).rejects.toMatchObject({ code: 'TARGET_UNWRITABLE' })
  })

  it('goes into an empty directory alone', async () => {
    mkdirSync(target, { mode: 0o755 })
    await emptyDirectory(target)
    expect(statSync(target).mode & 0o777).toBe(0o700)
    writeFileSync(join(target, 'x'), '')
    await expect(emptyDirectory(target)).rejects.toMatchObject({ code: 'TARGET_OCCUPIED' })
    await expect(emptyDirectory(join(target, 'x'))).rejects.toMatchObject({ code: 'TARGET_UNWRITABLE' })
    await expect(emptyDirectory(join(root, 'no', 'where'))).rejects.toMatchObject({
      code: 'TARGET_UNWRITABLE',
    })
    expect(existsSync(join(root, 'no'))).toBe(false)
  })
})
