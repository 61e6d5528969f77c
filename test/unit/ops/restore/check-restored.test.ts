import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createTargetFiles } from '../../../../src/filesystem/target-files.ts'
import type { CheckReport } from '../../../../src/ops/restore/check-restored.ts'
import { checkRestored } from '../../../../src/ops/restore/check-restored.ts'
import { TestRepository } from '../../../support/repository.ts'

let repo: TestRepository
let target: string
let root: Uint8Array
const at = (...names: string[]): string => join(target, repo.source(), ...names)

beforeEach(async () => {
  repo = await TestRepository.create()
  mkdirSync(repo.source('sub'), { recursive: true })
  writeFileSync(repo.source('a'), 'the text of a')
  writeFileSync(repo.source('sub', 'b'), Buffer.alloc(50_000, 7))
  writeFileSync(repo.source('empty'), '')
  writeFileSync(repo.source('sparse'), '')
  truncateSync(repo.source('sparse'), 1_000_000)
  symlinkSync('a', repo.source('link'))
  const { snapshot } = await repo.backup()
  root = repo.snapshot(snapshot).root
  target = join(repo.directory, 'target')
  await repo.restore(snapshot, target)
})
afterEach(async () => await repo[Symbol.asyncDispose]())

function check(select: readonly string[] = [], failed: readonly string[] = []): Promise<CheckReport> {
  return checkRestored(
    repo.repository,
    { root, select: select.map((text) => ({ text, isGlob: false })), target, failed: new Set(failed) },
    {
      target: createTargetFiles(),
      progress: () => undefined,
      signal: new AbortController().signal,
    },
  )
}

const differences = async (): Promise<string[]> =>
  (await check()).differences.map(({ path, reason }) => `${path.slice(repo.source().length)}: ${reason}`)

/** Its times stay: nothing but what it holds tells. */
function rewrite(path: string, text: Buffer | string): void {
  const { atime, mtime } = lstatSync(path)
  writeFileSync(path, text)
  utimesSync(path, atime, mtime)
}

describe('what was restored', () => {
  it('is as the snapshot has it', async () => {
    const report = await check()
    expect(report).toMatchObject({ files: 4, bytes: 1_050_013, differences: [], differencesTotal: 0 })
  })

  it.each<[what: string, alter: () => void, differences: string[]]>([
    ['one byte of a file', () => rewrite(at('a'), 'the text of A'), ['/a: its content is another']],
    [
      'a byte in a chunk behind the first',
      () => {
        const bytes = readFileSync(at('sub', 'b'))
        bytes[49_999] = 8
        rewrite(at('sub', 'b'), bytes)
      },
      ['/sub/b: its content is another'],
    ],
    ['a hole', () => rewrite(at('sparse'), Buffer.alloc(1_000_000, 1)), ['/sparse: its content is another']],
    [
      'the end of a file',
      () => rewrite(at('a'), 'the text of a!'),
      ['/a: it has 14 bytes, and 13 in the snapshot'],
    ],
    ['a file that is gone', () => unlinkSync(at('a')), ['/a: it is missing']],
    ['a mode', () => chmodSync(at('a'), 0o600), ['/a: its mode is 600, and 644 in the snapshot']],
    ['a time', () => utimesSync(at('a'), 1, 1), ['/a: its time of modification is another']],
    [
      'the time of a directory',
      () => utimesSync(at('sub'), 1, 1),
      ['/sub: its time of modification is another'],
    ],
    [
      'where a link leads',
      () => {
        unlinkSync(at('link'))
        symlinkSync('/etc/passwd', at('link'))
      },
      ['/link: it leads to, or is, another'],
    ],
    [
      'a file in the place of a link',
      () => {
        unlinkSync(at('link'))
        writeFileSync(at('link'), 'a')
      },
      ['/link: it is a file, and a symbolic link in the snapshot'],
    ],
    [
      'a link that leads to a directory with the same content',
      () => {
        renameSync(at('sub'), join(repo.directory, 'elsewhere'))
        symlinkSync(join(repo.directory, 'elsewhere'), at('sub'))
      },
      ['/sub: it is a symbolic link, and a directory in the snapshot'],
    ],
  ])('differs by %s', async (_, alter, expected) => {
    const { atime, mtime } = lstatSync(at())
    alter()
    utimesSync(at(), atime, mtime)
    expect(await differences()).toEqual(expected)
  })

  it('differs by what the snapshot does not have', async () => {
    const { atime, mtime } = lstatSync(at('sub'))
    writeFileSync(at('sub', 'c'), '')
    utimesSync(at('sub'), atime, mtime)
    expect(await differences()).toEqual(['/sub/c: it is there, and not in the snapshot'])
  })

  it('is all missing where there is nothing', async () => {
    rmSync(target, { recursive: true })
    expect((await check()).differences).toEqual([{ path: '/', reason: 'nothing was restored' }])
  })

  it('is not asked for again where it is known to have failed', async () => {
    unlinkSync(at('a'))
    const report = await check([], [repo.source('a')])
    expect(report.differences).toEqual([])
  })

  it('of a selection is that alone: the rest would be too much', async () => {
    const extra = (await check([repo.source('sub')])).differences
    expect(extra.map(({ path }) => path).sort()).toEqual(
      ['a', 'empty', 'link', 'sparse'].map((name) => repo.source(name)),
    )
    for (const name of ['a', 'empty', 'link', 'sparse']) unlinkSync(at(name))
    const { atime, mtime } = lstatSync(repo.source())
    utimesSync(at(), atime, mtime)
    expect(await check([repo.source('sub')])).toMatchObject({ files: 1, differencesTotal: 0 })
  })
})
