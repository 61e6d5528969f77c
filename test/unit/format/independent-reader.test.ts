/** The independent reader and the program agree on what a repository holds, each from its own reading of the format. */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRepository } from '../../../src/repository/open-repository.ts'
import { createMemoryStorage } from '../../../src/storage/memory.ts'
import { Chance } from '../../support/builders.ts'
import { addDeltaSnapshot } from '../../support/delta-repository.ts'
import {
  compareListings,
  digestTree,
  listingLines,
  walkedRecords,
} from '../../support/independent-reader/listing.ts'
import {
  type IndependentRepository,
  readRepository,
} from '../../support/independent-reader/read-repository.ts'
import { SECRET, TestRepository } from '../../support/repository.ts'

let test: TestRepository
let copy: string

beforeEach(async () => {
  test = await TestRepository.create()
  copy = mkdtempSync(join(tmpdir(), 'snap-copy-'))
})

afterEach(async () => {
  await test[Symbol.asyncDispose]()
  rmSync(copy, { recursive: true, force: true })
})

/** The stored objects as files, read with the key file of the only slot. */
async function readCopy(): Promise<IndependentRepository> {
  for (const key of test.keys()) {
    mkdirSync(join(copy, dirname(key)), { recursive: true })
    writeFileSync(join(copy, key), test.bytesOf(key))
  }
  return readRepository(copy, { keyFileText: keyFileText() })
}

function keyFileText(): string {
  if (SECRET.kind !== 'key file') throw new Error('the test repository has another kind of slot')
  return `snapkeep key 1\nrepository ${test.repository.id}\nsecret ${Buffer.from(SECRET.secret).toString('hex')}\n`
}

async function linesOf(repository: IndependentRepository, snapshot: string): Promise<string[]> {
  return listingLines(await walkedRecords(repository.walk(snapshot), test.source()))
}

function makeSource(seed: number): void {
  const chance = new Chance(seed)
  mkdirSync(test.source('deep', 'er', 'empty'), { recursive: true })
  writeFileSync(test.source('empty file'), '')
  writeFileSync(test.source('one byte'), '%')
  writeFileSync(test.source('random'), chance.bytes(300_000))
  writeFileSync(test.source('deep', 'text'), chance.text(200_000))
  writeFileSync(test.source('deep', 'er', 'twice'), chance.text(200_000))
  linkSync(test.source('random'), test.source('deep', 'second name'))
  writeFileSync(test.source('sparse'), chance.bytes(70_000))
  truncateSync(test.source('sparse'), 5_000_000)
  writeFileSync(Buffer.concat([Buffer.from(`${test.source()}/not utf-8 `), Buffer.from([0xff, 0x0a])]), 'x')
  for (let file = 0; file < 200; file++)
    writeFileSync(test.source('deep', 'er', `small ${file}`), chance.text(file))
  symlinkSync('../nowhere\u00e9', test.source('deep', 'link'))
  lutimesSync(test.source('deep', 'link'), 1_234_567_890.5, 1_234_567_890.5)
  execFileSync('mkfifo', [test.source('fifo')])
  chmodSync(test.source('one byte'), 0o4751)
  setAttribute('user.colour', 'blue', test.source('deep'))
  setAttribute('user.empty', '', test.source('one byte'))
  utimesSync(test.source('one byte'), -1.5, -1.5)
}

/** Where the tool or the file system cannot, both sides have none. */
function setAttribute(name: string, value: string, path: string): void {
  spawnSync('setfattr', ['-n', name, '-v', value, path])
}

describe('a repository of the program', () => {
  it('holds for the independent reader what was backed up', async () => {
    makeSource(1)
    const expected = listingLines(digestTree(test.source()))
    const { snapshot } = await test.backup()
    const repository = await readCopy()
    expect(compareListings(expected, await linesOf(repository, snapshot))).toEqual([])
    expect(expected.length).toBeGreaterThan(210)
    expect(repository.problems).toEqual([])
    expect(repository.id).toBe(test.repository.id)
    expect(repository.snapshots()).toMatchObject([
      { id: snapshot, number: 1, forgotten: false, details: { hostname: 'host', paths: [test.source()] } },
    ])
  })

  it('keeps an older snapshot as it was when a newer one shares its chunks', async () => {
    makeSource(2)
    const before = listingLines(digestTree(test.source()))
    const first = await test.backup()
    writeFileSync(test.source('one byte'), 'two')
    rmSync(test.source('deep', 'er', 'twice'))
    const after = listingLines(digestTree(test.source()))
    const second = await test.backup()
    const repository = await readCopy()
    expect(compareListings(before, await linesOf(repository, first.snapshot))).toEqual([])
    expect(compareListings(after, await linesOf(repository, second.snapshot))).toEqual([])
    expect(compareListings(before, after)).not.toEqual([])
    expect(repository.problems).toEqual([])
  })

  it('gives the bytes of segments that lie over others', async () => {
    const delta = await addDeltaSnapshot(test.repository)
    const repository = await readCopy()
    const digests: Record<string, string | undefined> = {}
    for await (const entry of repository.walk(delta.snapshot))
      digests[entry.path.toString()] = entry.contentDigest
    const wanted = Object.entries(delta.files).map(([name, bytes]) => [
      `/${name}`,
      createHash('sha256').update(bytes).digest('hex'),
    ])
    expect(digests).toEqual(Object.fromEntries(wanted))
    expect(repository.problems).toEqual([])
  })
})

describe('a password', () => {
  it('opens its slot, by its bytes in UTF-8 as they are', async () => {
    // The accent is a character of its own, which normalization would join with the letter.
    const password = 'cafe\u0301 \u{1f511}'
    const storage = createMemoryStorage(test.ports.clock)
    const ports = { ...test.ports, storage, cacheDirectory: join(copy, 'cache') }
    const secret = async () => ({ kind: 'password', password: Buffer.from(password) }) as const
    await using made = await createRepository(ports, { secret, slotName: 'first', chunkBytes: 65_536 })
    for (const [key, { bytes }] of storage.objects) {
      mkdirSync(join(copy, dirname(key)), { recursive: true })
      writeFileSync(join(copy, key), bytes)
    }
    const repository = await readRepository(copy, { password })
    expect(repository).toMatchObject({ id: made.id, problems: [], logEntries: 1 })
    await expect(readRepository(copy, { password: password.normalize('NFC') })).rejects.toThrow(
      'no slot opens',
    )
  })
})

describe('a damaged repository', () => {
  it('is reported whichever object is gone', async () => {
    makeSource(5)
    const { snapshot } = await test.backup()
    await readCopy()
    for (const key of test.keys()) {
      rmSync(join(copy, key))
      const found = readRepository(copy, { keyFileText: keyFileText() }).then(async (repository) => {
        if (repository.snapshots().some(({ id }) => id === snapshot)) await linesOf(repository, snapshot)
        return repository.problems.length > 0 || repository.snapshots().length === 0
      })
      expect([key, await found.catch(() => true)]).toEqual([key, true])
      writeFileSync(join(copy, key), test.bytesOf(key))
    }
  })

  it('is never read as something else, whichever object lost a bit', async () => {
    makeSource(3)
    const { snapshot } = await test.backup()
    const expected = await linesOf(await readCopy(), snapshot)
    const chance = new Chance(4)
    for (const key of test.keys()) {
      for (let flip = 0; flip < 4; flip++) {
        const restore = test.damage(key, chance.int(test.bytesOf(key).length))
        try {
          const repository = await readCopy()
          const known = repository.snapshots().some(({ id }) => id === snapshot)
          const lines = known ? await linesOf(repository, snapshot) : []
          const wrong = lines.filter(
            (line) => !expected.includes(line) && !line.includes(' content=unreadable'),
          )
          expect(wrong).toEqual([])
          // The one snapshot needs every segment of every pack.
          expect([key, repository.problems.length > 0]).toEqual([key, true])
        } catch (error) {
          expect([key, (error as Error).name]).toEqual([expect.stringMatching(/^(config|slots\/)/), 'Error'])
        } finally {
          restore()
        }
      }
    }
  })
})
