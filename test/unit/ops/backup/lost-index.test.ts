import { mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { verify } from '../../../../src/ops/verify/verify.ts'
import { TestRepository } from '../../../support/repository.ts'

let repo: TestRepository

beforeEach(async () => {
  repo = await TestRepository.create()
  mkdirSync(repo.source('directory'), { recursive: true })
  for (const name of ['one', 'two']) writeFileSync(repo.source('directory', name), name.repeat(20_000))
  await repo.backup()
})
afterEach(() => repo[Symbol.asyncDispose]())

function cut(key: string, bytes: number): void {
  const stored = repo.storage.objects.get(key)
  expect(stored?.bytes.length).toBeGreaterThan(bytes)
  repo.storage.objects.set(key, { bytes: stored?.bytes.slice(0, bytes) ?? new Uint8Array(0), storedAt: 0 })
}

/** What a client finds that has never seen the repository. */
async function affectedForOthers(): Promise<readonly unknown[]> {
  await repo.reopen({ forgetting: true })
  const ports = { pool: repo.pool(), progress: () => undefined, signal: new AbortController().signal }
  return (await verify(repo.repository, { data: true }, ports)).affected
}

describe('a repository that has lost index objects', () => {
  it.each([
    ['is gone', (key: string) => repo.storage.objects.delete(key)],
    ['is empty', (key: string) => cut(key, 0)],
    ['is cut short', (key: string) => cut(key, 300)],
  ])('gets their packs named again by the next backup, where one %s', async (_how, lose) => {
    for (const key of repo.keys('index/')) lose(key)
    const packs = repo.keys('packs/')
    const { summary } = await repo.backup()
    expect(summary).toMatchObject({ filesUnmodified: 2, filesAgain: 0 })
    expect(repo.keys('packs/')).toEqual(packs)
    expect(await affectedForOthers()).toEqual([])
  })

  it('gets nothing twice: packs that another index object names stay as they are', async () => {
    const [lost = ''] = repo.keys('index/')
    writeFileSync(repo.source('three'), 'three'.repeat(20_000))
    await repo.backup()
    repo.storage.objects.delete(lost)
    await repo.backup()
    expect(repo.keys('index/')).toHaveLength(2)
    await repo.backup()
    expect(repo.keys('index/')).toHaveLength(2)
    expect(await affectedForOthers()).toEqual([])
  })

  it('gets those of damaged ones named again too, where any is gone', async () => {
    const [first = ''] = repo.keys('index/')
    writeFileSync(repo.source('three'), 'three'.repeat(20_000))
    await repo.backup()
    const [second = ''] = repo.keys('index/').filter((key) => key !== first)
    repo.storage.objects.delete(first)
    repo.damage(second, -1)
    await repo.backup()
    expect(await affectedForOthers()).toEqual([])
  })
})
