import { mkdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SnapError } from '../../../../src/model/errors.ts'
import { selectPaths } from '../../../../src/ops/restore/select-paths.ts'
import { TestRepository } from '../../../support/repository.ts'

const { signal } = new AbortController()
let repo: TestRepository
let root: Uint8Array

beforeAll(async () => {
  repo = await TestRepository.create()
  for (const name of ['a [1]', 'a 1', 'deep']) mkdirSync(repo.source(name, 'below'), { recursive: true })
  writeFileSync(repo.source('deep', 'below', 'file'), 'x')
  root = repo.snapshot((await repo.backup()).snapshot).root
})
afterAll(() => repo[Symbol.asyncDispose]())

const select = (strip: string | undefined, ...paths: string[]) =>
  selectPaths(repo.repository, { root, strip, paths }, signal)

describe('the paths of a restore', () => {
  it('are as they are written where that is there, and else globs', async () => {
    const [literal, glob, plain] = [repo.source('a [1]'), repo.source('a [0-9]'), repo.source('deep')]
    expect(await select(undefined, literal, glob, plain)).toEqual([
      { text: literal, isGlob: false },
      { text: glob, isGlob: true },
      { text: plain, isGlob: false },
    ])
    expect(await select(undefined, '**/below/f*', '/', plain)).toHaveLength(3)
    expect(await select(undefined)).toEqual([])
  })

  it('lie in the directory that is looked into, or above it', async () => {
    const inside = repo.source('deep')
    expect(await select(inside, repo.source('deep', 'below', 'file'))).toHaveLength(1)
    expect(await select(inside, repo.source(), inside, '/*', '**/file')).toHaveLength(4)
    for (const path of [repo.source('a 1'), repo.source('a*'), repo.source('deep', 'no'), '**/no'])
      await expect(select(inside, inside, path)).rejects.toMatchObject({
        code: 'PATH_UNKNOWN',
        message: `the snapshot has nothing at ${path}`,
      })
    await expect(select('/no/such')).rejects.toMatchObject({ code: 'PATH_UNKNOWN' })
  })

  it('pass where they lead into a directory that cannot be read', async () => {
    const { trees } = repo.repository
    let left = 0
    const failing = {
      trees: {
        tree: (content: Parameters<typeof trees.tree>[0]) => {
          if (left-- === 0) throw new SnapError('OBJECT_DAMAGED', 'damaged')
          return trees.tree(content)
        },
      },
    }
    const depth = repo.source('deep').split('/').length - 1
    const meant = [repo.source('deep', 'no'), repo.source('deep', '[x]')]
    left = depth
    const damaged = { trees: failing.trees as unknown as typeof trees }
    const paths = await selectPaths(damaged, { root, strip: undefined, paths: meant }, signal)
    expect(paths.map(({ isGlob }) => isGlob)).toEqual([false, false])
  })
})
