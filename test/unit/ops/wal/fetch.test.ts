import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hash } from '../../../../src/crypto/blake3.ts'
import { type WalFile, walNote } from '../../../../src/ops/wal/facts.ts'
import { fetchWal } from '../../../../src/ops/wal/fetch.ts'
import { TestRepository } from '../../../support/repository.ts'
import { MIB16, segment } from './wal-samples.ts'

const NAME = segment(1, 1)
let test: TestRepository
let directory: string
let target: string

beforeEach(async () => {
  test = await TestRepository.create()
  directory = mkdtempSync(join(tmpdir(), 'snapkeep-fetch-'))
  target = join(directory, 'RECOVERYXLOG')
})
afterEach(async () => {
  await test[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

/** A snapshot of WAL whose facts say what is given, whatever is in it. */
async function archive(
  content: string,
  { system = '7', ...facts }: Partial<WalFile> & { system?: string } = {},
): Promise<void> {
  const bytes = Buffer.from(content)
  const said = {
    name: NAME,
    bytes: bytes.length,
    hash: Buffer.from(hash(bytes)).toString('hex'),
    modifiedMs: 1,
    ...facts,
  }
  const open = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes
  }
  await test.backupWith({
    streamed: [{ name: '@cluster', files: [{ name: NAME, open }] }],
    sources: [
      {
        name: 'cluster',
        kind: 'postgres-wal',
        paths: [],
        facts: walNote({ system, segmentBytes: MIB16, files: [said] }),
      },
    ],
  })
}

const fetch = (system?: string, name = NAME): Promise<unknown> =>
  fetchWal(test.repository, { source: 'cluster', name, system, target }, new AbortController().signal)

describe('a file of the archive', () => {
  it('replaces what is there, in one step', async () => {
    writeFileSync(target, 'former, and longer than what comes')
    await archive('WAL')
    await fetch()
    expect(readFileSync(target, 'utf8')).toBe('WAL')
  })

  it.each([
    ['another hash', { hash: 'ab'.repeat(32) }],
    ['another size', { bytes: 4 }],
  ])('that has %s than was archived is damage, and is not put there', async (_, facts) => {
    await archive('WAL', facts)
    writeFileSync(target, 'former')
    await expect(fetch()).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' })
    expect(readFileSync(target, 'utf8')).toBe('former')
    expect(existsSync(`${target}.snap-part`)).toBe(false)
  })

  it('is the first that was archived, of its cluster', async () => {
    await archive('first')
    await archive('second')
    await fetch('7')
    expect(readFileSync(target, 'utf8')).toBe('first')
    await archive('other', { system: '8' })
    await expect(fetch()).rejects.toMatchObject({ code: 'USAGE' })
    await fetch('8')
    expect(readFileSync(target, 'utf8')).toBe('other')
    await expect(fetch('9')).rejects.toMatchObject({ code: 'WAL_MISSING' })
  })

  it('is not said to be missing where the facts of a snapshot of WAL make no sense', async () => {
    await archive('WAL', { hash: 'none' })
    await expect(fetch()).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' })
  })

  it('is not said to be missing where a snapshot does not say what it has', async () => {
    await archive('WAL')
    await expect(fetch('7', segment(1, 2))).rejects.toMatchObject({ code: 'WAL_MISSING' })
    const { manifest } = test.repository
    const [row] = manifest.snapshots.list()
    manifest.snapshots.remove(row!.id)
    manifest.snapshots.add({ ...row!, details: { hostname: 5 } })
    await expect(fetch('7', segment(1, 2))).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' })
    await expect(fetch('7')).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' })
  })
})
