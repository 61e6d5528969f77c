import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { TargetDirectory, TargetFiles } from '../../src/model/files.ts'
import { hostileFigures } from '../support/hostile/figures.ts'
import { restoreInto, Sandbox } from '../support/hostile/sandbox.ts'
import { TestRepository } from '../support/repository.ts'

let tried = 0
hostileFigures(import.meta.url, 'links planted in the target', () => tried)

const LEVELS = ['a', 'a/b', 'a/b/c', 'a/b/c/file', 'a/file', 'file']

async function saved(repo: TestRepository): Promise<Uint8Array> {
  tried += 1
  mkdirSync(repo.source('a', 'b', 'c'), { recursive: true })
  for (const path of ['file', 'a/file', 'a/b/c/file']) writeFileSync(repo.source(path), `saved ${path}`)
  return repo.snapshot((await repo.backup()).snapshot).root
}

test.each(LEVELS.flatMap((path) => ['outside', 'outside/canary'].map((to) => ({ path, to }))))(
  'a link to $to planted at $path is replaced and never followed',
  async ({ path, to }) => {
    await using repo = await TestRepository.create()
    const sandbox = new Sandbox(repo.directory)
    const root = await saved(repo)
    const parent = join(sandbox.target, path, '..')
    mkdirSync(parent, { recursive: true })
    symlinkSync(join(sandbox.outer, to), join(sandbox.target, path))
    const report = await restoreInto(repo, sandbox.target, root, { strip: repo.source() })
    expect(sandbox.isUntouched).toBe(true)
    expect(report.failures).toEqual([])
    for (const file of ['file', 'a/file', 'a/b/c/file'])
      expect(readFileSync(join(sandbox.target, file), 'utf8')).toBe(`saved ${file}`)
  },
)

/** Calls `swap` once, just before the first file is created, opened or entered by a writer. */
function beforeFirstWrite(files: TargetFiles, swap: () => void): TargetFiles {
  let done = false
  const once = (): void => {
    if (!done) swap()
    done = true
  }
  const wrapped = (directory: TargetDirectory): TargetDirectory =>
    new Proxy(directory, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          if (property === 'createFile' || property === 'enter') once()
          const result: unknown = Reflect.apply(value, target, args)
          return property === 'makeDirectory' || property === 'enter'
            ? wrapped(result as TargetDirectory)
            : result
        }
      },
    })
  return { ...files, openRoot: (path) => wrapped(files.openRoot(path)) }
}

test.each(['a', 'a/b', 'a/b/c'])(
  'a directory %s that becomes a link between walk and write is not written through',
  async (path) => {
    await using repo = await TestRepository.create()
    const sandbox = new Sandbox(repo.directory)
    const root = await saved(repo)
    let swapped = false
    const report = await restoreInto(repo, sandbox.target, root, {
      strip: repo.source(),
      wrap: (files) =>
        beforeFirstWrite(files, () => {
          renameSync(join(sandbox.target, path), join(sandbox.target, 'moved'))
          symlinkSync(sandbox.outside, join(sandbox.target, path))
          swapped = true
        }),
    })
    expect(swapped).toBe(true)
    expect(sandbox.isUntouched).toBe(true)
    expect(report.failures.map(({ code }) => code)).toContain('TARGET_UNSAFE')
    expect(readFileSync(join(sandbox.target, 'file'), 'utf8')).toBe('saved file')
  },
)
