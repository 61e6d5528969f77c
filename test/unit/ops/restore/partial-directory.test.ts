import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { TestRepository } from '../../../support/repository.ts'

let repo: TestRepository

beforeEach(async () => {
  repo = await TestRepository.create()
})
afterEach(() => repo[Symbol.asyncDispose]())

it('deletes nothing from a directory in which a name could not be looked at when it was saved', async () => {
  for (const name of ['partial', 'whole']) {
    mkdirSync(repo.source(name), { recursive: true })
    writeFileSync(repo.source(name, 'kept'), name)
  }
  const unknown = repo.source('partial', 'unknown')
  writeFileSync(unknown, 'never read')
  const { meddle } = repo
  repo.meddle = (source) => ({
    ...source,
    lstat: (path) => {
      if (path === unknown) throw Object.assign(new Error('a bad block'), { code: 'EIO', syscall: 'lstat' })
      return source.lstat(path)
    },
  })
  const { snapshot, unreadable } = await repo.backup()
  expect(unreadable).toEqual([{ path: unknown, reason: 'EIO' }])
  writeFileSync(repo.source('whole', 'extra'), 'x')
  const report = await repo.restore(snapshot, repo.source(), repo.source(), { deleteExtra: true })
  expect(existsSync(unknown)).toBe(true)
  expect(existsSync(repo.source('whole', 'extra'))).toBe(false)
  expect(report.failures).toMatchObject([{ path: repo.source('partial') }])

  repo.meddle = meddle
  rmSync(unknown)
  const later = await repo.backup()
  expect(later.unreadable).toEqual([])
  writeFileSync(join(repo.source('partial'), 'extra'), 'x')
  await repo.restore(later.snapshot, repo.source(), repo.source(), { deleteExtra: true })
  expect(existsSync(repo.source('partial', 'extra'))).toBe(false)
})
