import { execFileSync } from 'node:child_process'
import {
  existsSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SnapError } from '../../../../src/model/errors.ts'
import type { TargetDirectory, TargetFiles } from '../../../../src/model/files.ts'
import type { OverwritePolicy } from '../../../../src/ops/restore/decide.ts'
import { type RestoreOptions, restoreInto } from '../../../support/hostile/sandbox.ts'
import { TestRepository } from '../../../support/repository.ts'
import { listing } from '../../../support/tree.ts'

let repo: TestRepository

beforeEach(async () => {
  repo = await TestRepository.create()
})
afterEach(() => repo[Symbol.asyncDispose]())

const OLD = 1_000_000_000
const SAVED = 1_500_000_000
const NEW = 1_900_000_000

type Maker = (path: string) => void

const SAVED_KINDS: Readonly<Record<string, Maker>> = {
  file: (path) => writeFileSync(path, 'saved'),
  directory: (path) => {
    mkdirSync(path)
    writeFileSync(join(path, 'inside'), 'saved inside')
  },
  symlink: (path) => symlinkSync('saved', path),
  fifo: (path) => execFileSync('mkfifo', [path]),
}

const STANDING_KINDS: Readonly<Record<string, Maker>> = {
  file: (path) => writeFileSync(path, 'precious'),
  symlink: (path) => symlinkSync('..', path),
  fifo: (path) => execFileSync('mkfifo', [path]),
  'empty directory': (path) => mkdirSync(path),
  'full directory': (path) => {
    mkdirSync(path)
    writeFileSync(join(path, 'precious'), 'x')
  },
}

type Outcome = 'replaced' | 'left' | 'left and named' | 'restored into'

/** The table of docs/cli.md. */
function expected(
  saved: string,
  standing: string,
  policy: OverwritePolicy,
  age: number,
  deletes: boolean,
): Outcome {
  const isDirectory = standing.endsWith('directory')
  if (saved === 'directory' && isDirectory) return 'restored into'
  if (saved === standing) {
    // A FIFO is like any other.
    if (saved === 'fifo') return 'left'
    if (policy === 'never' || (policy === 'if-newer' && age > SAVED)) return 'left'
    return 'replaced'
  }
  if (policy === 'never' || policy === 'if-newer') return 'left and named'
  return standing === 'full directory' && !deletes ? 'left and named' : 'replaced'
}

const CELLS = Object.keys(SAVED_KINDS).flatMap((saved) =>
  Object.keys(STANDING_KINDS).map((standing) => ({ saved, standing, name: `${saved} over ${standing}` })),
)

const POLICIES: readonly OverwritePolicy[] = ['always', 'if-changed', 'if-newer', 'never']

async function saveTree(make: (name: (saved: string) => string) => void): Promise<Uint8Array> {
  mkdirSync(repo.source(), { recursive: true })
  make((name) => repo.source(name))
  for (const name of readdirSync(repo.source())) lutimesSync(repo.source(name), SAVED, SAVED)
  return repo.snapshot((await repo.backup()).snapshot).root
}

describe('what stands where an entry goes', () => {
  it.each(
    POLICIES.flatMap((policy) =>
      [OLD, NEW].flatMap((age) => [false, true].map((deletes) => ({ policy, age, deletes }))),
    ),
  )(
    'is treated as the table says: $policy, from $age, --delete $deletes',
    async ({ policy, age, deletes }) => {
      const root = await saveTree((path) => {
        for (const { saved, name } of CELLS) SAVED_KINDS[saved]?.(path(name))
      })
      const target = join(repo.directory, 'target')
      mkdirSync(target)
      for (const { standing, name } of CELLS) {
        STANDING_KINDS[standing]?.(join(target, name))
        lutimesSync(join(target, name), age, age)
      }
      const told: string[] = []
      const options: RestoreOptions = {
        strip: repo.source(),
        overwrite: policy,
        deleteExtra: deletes,
        decided: (path, action) => told.push(`${action} ${path}`),
      }
      const untouched = listing(target)
      const planned = await restoreInto(repo, target, root, { ...options, dryRun: true })
      expect(listing(target)).toEqual(untouched)
      const plan = told.splice(0)
      const before = new Map(CELLS.map(({ name }) => [name, listing(join(target, name))]))
      const report = await restoreInto(repo, target, root, options)
      expect(told).toEqual(plan)

      const failures = new Map(report.failures.map(({ path, code, reason }) => [path, `${code} ${reason}`]))
      expect(new Map(planned.failures.map(({ path, code, reason }) => [path, `${code} ${reason}`]))).toEqual(
        failures,
      )
      for (const { saved, standing, name } of CELLS) {
        const outcome = expected(saved, standing, policy, age, deletes)
        const path = repo.source(name)
        const after = listing(join(target, name))
        const isSaved = saved !== 'directory' ? listing(path) : undefined
        const actions = plan.filter((line) => line.endsWith(path)).map((line) => line.split(' ')[0])
        if (outcome === 'left and named') {
          expect(failures.get(path), name).toMatch(/^TARGET_OCCUPIED an? .* stands where the snapshot has a/)
          expect(actions, name).toEqual([])
        } else expect(failures.has(path), name).toBe(false)
        if (outcome === 'left' || outcome === 'left and named') {
          const withoutTime = (lines: readonly string[] | undefined) =>
            lines?.map((line) => (saved === 'fifo' ? line.replace(/mtimeNs=\d+/, '') : line))
          expect(withoutTime(after), name).toEqual(withoutTime(before.get(name)))
        } else if (isSaved !== undefined) {
          expect(after, name).toEqual(isSaved)
          expect(actions, name).toEqual(['replace'])
        } else {
          expect(readFileSync(join(target, name, 'inside'), 'utf8'), name).toBe('saved inside')
          expect(actions, name).toEqual(outcome === 'replaced' ? ['replace'] : [])
        }
        if (standing === 'full directory') {
          const precious = join(target, name, 'precious')
          const goes = deletes && outcome !== 'left and named'
          expect(existsSync(precious), name).toBe(!goes)
          expect(plan.includes(`delete ${path}/precious`), name).toBe(goes)
        }
      }
      const deletions = plan.filter((line) => line.startsWith('delete ')).length
      expect([planned.filesDeleted, report.filesDeleted]).toEqual([deletions, deletions])
      const counted = ({ filesRestored, others, filesKept, filesUnchanged }: typeof report): number[] => [
        filesRestored + others,
        filesKept,
        filesUnchanged,
      ]
      expect(counted(planned)).toEqual(counted(report))
      expect(readdirSync(target).filter((name) => name.startsWith('.snap-'))).toEqual([])
    },
  )

  it('above the sources, or above what was asked for, is never replaced', async () => {
    const root = await saveTree((path) => writeFileSync(path('a'), 'saved'))
    const target = join(repo.directory, 'target')
    const way = repo.source().split('/')[1] ?? ''
    for (const overwrite of POLICIES) {
      for (const standing of ['file', 'symlink']) {
        for (const select of [[], [{ text: repo.source('a'), isGlob: false }]]) {
          for (const dryRun of [true, false]) {
            rmSync(target, { recursive: true, force: true })
            mkdirSync(target)
            STANDING_KINDS[standing]?.(join(target, way))
            const before = listing(target)
            const sources = [repo.source()]
            const what = `${overwrite} ${standing} ${select.length} ${dryRun}`
            const options = { overwrite, sources, select, dryRun, deleteExtra: true }
            const { failures } = await restoreInto(repo, target, root, options)
            expect(failures, what).toMatchObject([{ path: `/${way}`, side: 'target' }])
            expect(listing(target), what).toEqual(before)
          }
        }
      }
    }
  })
})

/** Whatever is to be made fails, as on a disk that is full or for a user who may not. */
function makingNothing(files: TargetFiles): TargetFiles {
  const wrapped = (directory: TargetDirectory): TargetDirectory =>
    new Proxy(directory, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          if (/^(make|create)/.test(String(property))) throw new SnapError('TARGET_UNWRITABLE', 'no')
          const result: unknown = Reflect.apply(value, target, args)
          return property === 'enter' ? wrapped(result as TargetDirectory) : result
        }
      },
    })
  return { ...files, openRoot: (path) => wrapped(files.openRoot(path)) }
}

it.each([false, true])(
  'takes nothing away for what then cannot be made, with --delete %s',
  async (deleteExtra) => {
    const root = await saveTree((path) => {
      for (const { saved, name } of CELLS) SAVED_KINDS[saved]?.(path(name))
      for (const standing of Object.keys(STANDING_KINDS)) {
        if (!existsSync(path('0 first'))) writeFileSync(path('0 first'), 'saved')
        linkSync(path('0 first'), path(`hard link over ${standing}`))
      }
    })
    const target = join(repo.directory, 'target')
    mkdirSync(target)
    for (const { standing, name } of CELLS) STANDING_KINDS[standing]?.(join(target, name))
    for (const [standing, make] of Object.entries(STANDING_KINDS))
      make(join(target, `hard link over ${standing}`))
    writeFileSync(join(target, '0 first'), 'saved')
    lutimesSync(join(target, '0 first'), SAVED, SAVED)
    const kinds = (): string[] =>
      readdirSync(target).map(
        (name) => `${name} ${lstatSync(join(target, name)).mode.toString(8).slice(0, -4)}`,
      )
    const before = kinds()
    const wrap = makingNothing
    const report = await restoreInto(repo, target, root, { strip: repo.source(), deleteExtra, wrap })
    expect(report.failures.length).toBeGreaterThan(15)
    expect(report.filesDeleted).toBe(0)
    expect(kinds()).toEqual(before)
    for (const { saved, standing, name } of CELLS) {
      if (standing === 'full directory' && saved !== 'directory')
        expect(existsSync(join(target, name, 'precious')), name).toBe(true)
      if (standing === 'file' && saved !== 'file')
        expect(readFileSync(join(target, name), 'utf8'), name).toBe('precious')
    }
  },
)
