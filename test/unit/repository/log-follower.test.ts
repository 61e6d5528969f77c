/** Following a log to which others add, two processes on one manifest among them. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { logKey } from '../../../src/object/object-keys.ts'
import { prune } from '../../../src/ops/prune/prune.ts'
import { TestRepository } from '../../support/repository.ts'

const QUIET = { progress: () => undefined, signal: new AbortController().signal }
const NOW = {
  unusedShareMax: 0,
  repackBytesMax: Number.POSITIVE_INFINITY,
  undoMs: 0,
  strayMs: 0,
  dryRun: false,
}

it('misses no index object that was pruned right after it had seen the end of the log', async () => {
  await using repo = await TestRepository.create()
  mkdirSync(repo.source(), { recursive: true })
  writeFileSync(repo.source('file'), 'first')
  const { snapshot } = await repo.backup()
  writeFileSync(repo.source('file'), 'second')
  await repo.backup()
  await using same = await repo.another({ sharesManifest: true })
  await using other = await repo.another()
  const { log } = repo.repository
  await log.follow()
  const { stat } = repo.storage
  repo.storage.stat = async (key) => {
    const answer = await stat.call(repo.storage, key)
    if (key !== logKey(log.state.next) || answer !== undefined) return answer
    repo.storage.stat = stat
    await other.repository.log.append(() => ({ kind: 'forget', snapshots: [snapshot] }))
    await prune(other.repository, NOW, QUIET)
    await same.repository.log.follow()
    return undefined
  }
  await log.follow()
  expect(repo.storage.stat).toBe(stat)
  expect(log.indexProblems).toEqual([])
  expect(log.state.next).toBe(other.repository.log.state.next)
})
