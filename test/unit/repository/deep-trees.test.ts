import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { DIRECTORY_DEPTH_MAX } from '../../../src/model/limits.ts'
import { walkTree } from '../../../src/ops/list.ts'
import { Reachable } from '../../../src/repository/reachable.ts'
import { type Content, encodeContent } from '../../../src/snapshot/content.ts'
import { entryBytes, items, treeBytes } from '../../support/hostile/hostile-snapshot.ts'
import { restoreInto } from '../../support/hostile/sandbox.ts'
import { TestRepository } from '../../support/repository.ts'

const signal = new AbortController().signal

let repo: TestRepository
beforeAll(async () => {
  repo = await TestRepository.create()
})
afterAll(() => repo[Symbol.asyncDispose]())

/** The directory at a depth: its only chunk has the depth for an id. */
function directoryAt(depth: number): Content {
  const id = Buffer.alloc(32)
  id.writeUInt32LE(depth)
  return items([id])
}

/** The root of a tree in which directories go down to `deepest`; the storage is not asked. */
function nested(deepest: number): Content {
  vi.spyOn(repo.repository.trees, 'bytes').mockImplementation(async (content) => {
    const depth = Buffer.from(content.items).readUInt32LE(1)
    const below = entryBytes({ name: 'd', type: 'dir', content: directoryAt(depth + 1) })
    return treeBytes(depth < deepest ? [below] : [])
  })
  return directoryAt(0)
}

const reach = (root: Content) =>
  new Reachable({ repository: repo.repository, visit: () => undefined, signal }).add(encodeContent(root))

it('what snapshots need is looked for down to a depth, and no deeper', async () => {
  await reach(nested(DIRECTORY_DEPTH_MAX))
  await expect(reach(nested(DIRECTORY_DEPTH_MAX + 1))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
})

it('directories are listed down to a depth, and no deeper', async () => {
  const refused: string[] = []
  const damaged = (_: string, { code }: { code: string }) => void refused.push(code)
  let listed = 0
  const walk = { names: [], recursive: true, signal, damaged }
  for await (const _ of walkTree(repo.repository, nested(DIRECTORY_DEPTH_MAX + 1), walk)) listed += 1
  expect(refused).toEqual(['LIMIT_EXCEEDED'])
  expect(listed).toBe(DIRECTORY_DEPTH_MAX + 1)
})

it('directories are restored down to a depth, and no deeper', async () => {
  const root = encodeContent(nested(DIRECTORY_DEPTH_MAX + 1))
  const { failures } = await restoreInto(repo, repo.source('target'), root, { dryRun: true })
  expect(failures.map(({ code }) => code)).toEqual(['LIMIT_EXCEEDED'])
})
