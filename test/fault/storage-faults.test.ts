import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hasCode } from '../../src/model/errors.ts'
import { createMemoryStorage, type MemoryStorage } from '../../src/storage/memory.ts'
import { restoreInto, verifyAll } from '../support/hostile/sandbox.ts'
import { TestRepository } from '../support/repository.ts'
import { faulty } from '../support/storage/faulty.ts'

const FILES = { first: 'saved first', second: 'saved later' }

function copyInto(from: MemoryStorage['objects'], to: MemoryStorage['objects']): void {
  to.clear()
  for (const [key, { bytes, storedAt }] of from) to.set(key, { bytes: bytes.slice(), storedAt })
}

/** A repository with one snapshot, whose next backup stores a second file. */
async function prepared(repo: TestRepository): Promise<Uint8Array> {
  mkdirSync(repo.source(), { recursive: true })
  writeFileSync(repo.source('first'), FILES.first)
  const { snapshot } = await repo.backup()
  writeFileSync(repo.source('second'), FILES.second)
  return repo.snapshot(snapshot).root
}

/** Makes mutating call `at` of the repository's own storage fail, until it is told to stop. */
function failing(storage: MemoryStorage, at: number, when: 'before' | 'after', times = 1) {
  const plain = { ...storage }
  const plan = faulty(plain, { at, when, times })
  Object.assign(storage, { put: plan.put, create: plan.create, remove: plan.remove })
  return { plan, mend: () => Object.assign(storage, plain) }
}

async function expectRestored(repo: TestRepository, root: Uint8Array, names: readonly string[]) {
  const target = join(repo.directory, 'target')
  rmSync(target, { recursive: true, force: true })
  const report = await restoreInto(repo, target, root, { strip: repo.source() })
  expect(report.failures).toEqual([])
  for (const name of names)
    expect(readFileSync(join(target, name), 'utf8')).toBe(FILES[name as keyof typeof FILES])
}

async function mutations(): Promise<number> {
  await using repo = await TestRepository.create()
  await prepared(repo)
  const { plan } = failing(repo.storage, 0, 'before')
  await repo.backup()
  return plan.calls
}

const calls = await mutations()
const points = Array.from({ length: calls }, (_, index) => index + 1).flatMap((at) =>
  (['before', 'after'] as const).map((when) => ({ at, when })),
)
console.log(`${calls} mutating calls of a small backup: ${points.length} faults and ${points.length} kills`)

test.each(points)('call $at that fails once, $when its effect, loses nothing', async ({ at, when }) => {
  await using repo = await TestRepository.create()
  const first = await prepared(repo)
  const { mend } = failing(repo.storage, at, when)
  const failure = await repo.backup().then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(hasCode(failure, 'STORAGE_FAILED'), `reported as ${String(failure)}`).toBe(true)
  mend()
  const { snapshot } = await repo.backup()
  expect((await verifyAll(repo)).damages).toEqual([])
  await expectRestored(repo, first, ['first'])
  await expectRestored(repo, repo.snapshot(snapshot).root, ['first', 'second'])
})

test.each(points)(
  'a process that dies at call $at, $when its effect, loses nothing',
  async ({ at, when }) => {
    await using repo = await TestRepository.create()
    const first = await prepared(repo)
    const { mend } = failing(repo.storage, at, when, Number.POSITIVE_INFINITY)
    await expect(repo.backup()).rejects.toThrow()
    const left = createMemoryStorage()
    copyInto(repo.storage.objects, left.objects)
    mend()
    await repo.reopen({ forgetting: at % 2 === 0 })
    copyInto(left.objects, repo.storage.objects)
    await expectRestored(repo, first, ['first'])
    const { snapshot } = await repo.backup()
    expect((await verifyAll(repo)).damages).toEqual([])
    await expectRestored(repo, repo.snapshot(snapshot).root, ['first', 'second'])
  },
)
