import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { seriesOf } from '../../src/snapshot/series.ts'
import { CASES, type Case } from '../support/hostile/cases.ts'
import { hostileFigures } from '../support/hostile/figures.ts'
import { entryBytes, HostileSnapshot, treeBytes } from '../support/hostile/hostile-snapshot.ts'
import {
  listAll,
  MEMORY_BYTES_MAX,
  measured,
  type Outcome,
  restoreInto,
  Sandbox,
  TIME_MS_MAX,
  verifyAll,
} from '../support/hostile/sandbox.ts'
import { TestRepository } from '../support/repository.ts'

const worst = { ms: 0, memory: 0 }

function bounded<T>(what: string, outcome: Outcome<T>): Outcome<T> {
  worst.ms = Math.max(worst.ms, outcome.ms)
  worst.memory = Math.max(worst.memory, outcome.memory)
  expect(outcome.ms, `${what}: ms`).toBeLessThan(TIME_MS_MAX)
  expect(outcome.memory, `${what}: bytes of memory`).toBeLessThan(MEMORY_BYTES_MAX)
  return outcome
}

hostileFigures(import.meta.url, 'hostile snapshots', () => CASES.length, worst)

/** Source files, and a snapshot of the same series that is hostile. */
async function attacked(repo: TestRepository, sandbox: Sandbox, { build }: Case) {
  mkdirSync(repo.source('good'), { recursive: true })
  mkdirSync(repo.source('hostile'))
  writeFileSync(repo.source('good', 'file'), 'good')
  writeFileSync(repo.source('hostile', 'file'), 'what is really there')
  const hostile = await HostileSnapshot.begin(repo.repository)
  const goodFile = await hostile.file('good')
  const good = await hostile.tree(treeBytes([entryBytes({ name: 'file', size: 4, content: goodFile })]))
  const bad = await build(hostile, sandbox.outside)
  const top = treeBytes([
    entryBytes({ name: 'good', type: 'dir', content: good }),
    entryBytes({ name: 'hostile', type: 'dir', content: bad }),
    entryBytes({ name: 'last', size: 4, content: goodFile }),
  ])
  const series = seriesOf(repo.repository.keys.idKey, 'host', { paths: [repo.source()] })
  const id = await hostile.commitAt(repo.source(), await hostile.tree(top), series)
  return repo.snapshot(id).root
}

describe('a hostile snapshot made with valid keys', () => {
  test.each(CASES)('$name', async (hostile) => {
    await using repo = await TestRepository.create()
    const sandbox = new Sandbox(repo.directory)
    const root = await attacked(repo, sandbox, hostile)
    const place = `${repo.source()}/hostile`
    try {
      for (const round of ['restore', 'restore over it', 'restore with a new manifest']) {
        if (round.endsWith('manifest')) {
          await repo.reopen({ forgetting: true })
          sandbox.clear()
        }
        const { value: report, error } = bounded(
          round,
          await measured(() => restoreInto(repo, sandbox.target, root, { strip: repo.source() })),
        )
        expect(error, round).toBeUndefined()
        expect(sandbox.isUntouched, 'nothing beside the target changed').toBe(true)
        expect(readFileSync(join(sandbox.target, 'good', 'file'), 'utf8')).toBe('good')
        expect(readFileSync(join(sandbox.target, 'last'), 'utf8')).toBe('good')
        const failures = report?.failures ?? []
        expect(failures.filter(({ path }) => !path.startsWith(place))).toEqual([])
        if (hostile.sound === true) expect(failures).toEqual([])
        else if (hostile.either !== true) expect(failures.length, round).toBeGreaterThan(0)
      }
      for (const data of [false, true]) {
        const { error } = bounded(`verify ${data}`, await measured(() => verifyAll(repo, data)))
        expect(error, 'verify').toBeUndefined()
      }
      const whole = await verifyAll(repo)
      if (hostile.sound === true) expect(whole.damages).toEqual([])
      bounded('ls', await measured(() => listAll(repo, root)))

      const backup = bounded('backup', await measured(() => repo.backup()))
      expect(backup.error, 'backup').toBeUndefined()
      sandbox.clear()
      const saved = repo.snapshot(backup.value?.snapshot as never).root
      const again = await restoreInto(repo, sandbox.target, saved, { strip: repo.source() })
      expect(again.failures).toEqual([])
      expect(readFileSync(join(sandbox.target, 'hostile', 'file'), 'utf8')).toBe('what is really there')
      expect(existsSync(join(sandbox.target, 'good', 'file'))).toBe(true)
      expect(sandbox.isUntouched).toBe(true)
    } finally {
      sandbox.clear()
    }
  })
})
