/** The main thread's walk of a tree, as a dry run does it (nothing is stored, there is no earlier snapshot), beside bare lstat walks. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { systemRandom } from '../../src/crypto/random.ts'
import { createIgnoreRules } from '../../src/filesystem/ignore-rules.ts'
import { createSourceFiles } from '../../src/filesystem/source-files.ts'
import { planBackup } from '../../src/ops/backup/plan.ts'
import { createRepository } from '../../src/repository/open-repository.ts'
import { createMemoryStorage } from '../../src/storage/memory.ts'
import { createInThreadExecutor } from '../../src/workers/in-thread.ts'
import { type Figure, ROUNDS } from './rounds.ts'

const PART = 'walk'
const UNIT = 'entries/s'

export async function walk(scratch: string, tree: string): Promise<Figure[]> {
  const entries = readdirSync(tree, { recursive: true }).length
  const rates = (seconds: readonly number[]) => seconds.map((value) => entries / value)
  return [
    { part: PART, name: 'snap, one thread', unit: UNIT, values: rates(await walked(scratch, tree)) },
    ...[1, 2].map((threads) => ({
      part: PART,
      name: `lstat of everything, ${threads === 1 ? 'one thread' : 'two threads'}, with starting them`,
      unit: UNIT,
      values: rates(Array.from({ length: ROUNDS }, () => floorSeconds(tree, threads))),
    })),
  ]
}

async function walked(scratch: string, tree: string): Promise<number[]> {
  const cacheDirectory = mkdtempSync(join(scratch, 'walk-'))
  const clock = { now: () => Date.now() }
  try {
    await using repository = await createRepository(
      { storage: createMemoryStorage(clock), cacheDirectory, clock, random: systemRandom },
      { secret: async () => ({ kind: 'key file', secret: systemRandom.bytes(32) }), slotName: 'bench' },
    )
    const seconds: number[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const start = performance.now()
      await planBackup(repository, requestFor(tree), {
        source: createSourceFiles(),
        clock,
        progress: () => undefined,
        signal: new AbortController().signal,
      })
      seconds.push((performance.now() - start) / 1_000)
    }
    return seconds
  } finally {
    rmSync(cacheDirectory, { recursive: true })
  }
}

const requestFor = (tree: string): Parameters<typeof planBackup>[1] => ({
  paths: [resolve(tree)],
  hostname: 'bench',
  username: 'bench',
  tags: [],
  excludes: [],
  walk: {
    full: false,
    oneFileSystem: false,
    largestFile: undefined,
    excludeCaches: false,
    rulesAt: () => createIgnoreRules([]),
    ignoreFile: '.snapignore',
    isCacheDirectory: () => false,
    neverPaths: new Set(),
  },
  write: { compression: 'auto', recheck: true, deltas: false, executor: createInThreadExecutor },
  program: { name: 'bench', version: '0' },
})

function floorSeconds(tree: string, threads: number): number {
  const args = ['bench/.built/floor.js', 'walk', resolve(tree), '', String(threads)]
  const said = execFileSync(process.execPath, args, { encoding: 'utf8' })
  return Number(/^took ([\d.]+) seconds$/m.exec(said)?.[1])
}
