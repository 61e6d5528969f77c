import { spawnSync } from 'node:child_process'
import { cpSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemRandom } from '../../src/crypto/random.ts'
import { decodeKeyFile } from '../../src/keys/key-file.ts'
import type { SlotSecret } from '../../src/keys/slot.ts'
import { FORMAT_VERSION } from '../../src/model/limits.ts'
import { openRepository } from '../../src/repository/open-repository.ts'
import { openLocalDirectory } from '../../src/storage/local-directory.ts'
import type { GoldenFacts } from '../golden/make.ts'
import { Figures } from '../support/figures.ts'
import { restoreInto } from '../support/hostile/sandbox.ts'
import {
  compareListings,
  digestTree,
  type ListingField,
  listingLines,
} from '../support/independent-reader/listing.ts'
import type { TestRepository } from '../support/repository.ts'

const GOLDEN = join(import.meta.dirname, '..', 'golden')
const BYTES_MAX = 200 * 1_024
const versions = readdirSync(GOLDEN).filter((name) => /^v[0-9]+$/.test(name))

const figures = new Figures('T11', import.meta.url)
let scratch: string
let able: { owner: boolean; devices: boolean; omit: ListingField[] }

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'snap-golden-figures-'))
  able = abilities()
})

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

it('there is one for every version of the format, and none is large', () => {
  expect(versions.sort()).toEqual(
    Array.from({ length: FORMAT_VERSION }, (_, index) => `v${index + 1}`).sort(),
  )
  for (const version of versions) expect(bytesBelow(join(GOLDEN, version))).toBeLessThan(BYTES_MAX)
})

it('every snapshot of every one is restored as it was made, with each key that can read it', async () => {
  const tally = { restores: 0, entries: 0, bytes: 0, different: [] as string[] }
  for (const version of versions) {
    const facts: GoldenFacts = JSON.parse(readFileSync(join(GOLDEN, `${version}.json`), 'utf8'))
    const copy = join(scratch, version)
    cpSync(join(GOLDEN, version), copy, { recursive: true })
    for (const role of ['admin', 'reader', 'password'] as const) {
      const ports = {
        storage: openLocalDirectory(copy),
        cacheDirectory: mkdtempSync(join(scratch, 'cache-')),
        clock: Date,
        random: systemRandom,
      }
      await using repository = await openRepository(ports, secretOf(version, role, facts))
      for (const { id, entries, forgotten } of facts.snapshots) {
        if (forgotten) continue
        const target = mkdtempSync(join(scratch, 'target-'))
        const snapshot = [...repository.log.state.snapshots.values()].find((one) => one.id === id)
        const root = snapshot?.root ?? new Uint8Array(0)
        await restoreInto({ repository } as TestRepository, target, root, { keepOwner: able.owner })
        const wanted = without(entries.filter((line) => !isLeftOut(line)))
        const records = digestTree(target)
        const found = listingLines(records, { root: false, omit: able.omit })
        tally.restores += 1
        tally.entries += wanted.length
        tally.bytes += records.reduce((sum, { type, size }) => sum + (type === 'file' ? size : 0), 0)
        tally.different.push(...compareListings(wanted, found))
      }
    }
  }
  figures.record({
    tried: `entries restored from golden repositories of format ${versions.join(', ')}`,
    count: tally.entries,
    wrongly: 'different in bytes or metadata',
    wrong: tally.different.length,
    target: { count: 60, wrong: 0 },
  })
  figures.measure({ name: 'restores', value: tally.restores, unit: '' })
  figures.measure({ name: 'bytes of files restored', value: tally.bytes, unit: '' })
  expect(tally.different).toEqual([])
})

function secretOf(version: string, role: 'admin' | 'reader' | 'password', facts: GoldenFacts): SlotSecret {
  if (role === 'password') return { kind: 'password', password: Buffer.from(facts.password) }
  const text = readFileSync(join(GOLDEN, `${version}.${role}.key`), 'utf8')
  return { kind: 'key file', secret: decodeKeyFile(text).secret }
}

/** What has no bytes to restore, and what this user may not make. */
function isLeftOut(line: string): boolean {
  const isDevice = / (char|block) /.test(line)
  return / socket /.test(line) || line.includes('content=unreadable') || (isDevice && !able.devices)
}

/** What the file system cannot keep is not compared. */
function without(lines: readonly string[]): string[] {
  return lines.map((line) =>
    line
      .split(' ')
      .filter((word, at) => at < 2 || !able.omit.includes(word.slice(0, word.indexOf('=')) as ListingField))
      .join(' '),
  )
}

function abilities(): typeof able {
  const owner = process.getuid?.() === 0
  const probe = join(scratch, 'probe')
  writeFileSync(probe, '')
  const keepsXattrs = spawnSync('setfattr', ['-n', 'user.probe', '-v', '1', probe]).status === 0
  const devices = spawnSync('mknod', [join(scratch, 'device'), 'c', '1', '3']).status === 0
  const omit: ListingField[] = [
    ...(owner ? [] : (['owner'] as const)),
    ...(keepsXattrs ? [] : (['xattrs'] as const)),
  ]
  return { owner, devices, omit }
}

function bytesBelow(directory: string): number {
  const names = readdirSync(directory, { recursive: true }) as string[]
  const sizes = names.map((name) => lstatSync(join(directory, name))).filter((stat) => stat.isFile())
  return sizes.reduce((sum, { size }) => sum + size, 0)
}
