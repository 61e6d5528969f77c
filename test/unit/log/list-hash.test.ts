import { expect, it } from 'vitest'
import { encodePayload } from '../../../src/log/payloads.ts'
import { sealList } from '../../../src/log/read-entry.ts'
import { listId } from '../../../src/model/ids.ts'
import { addEveryKind } from '../../support/every-kind.ts'
import { TestRepository } from '../../support/repository.ts'

it('takes no list but the one that its entry names by hash, however well another is sealed', async () => {
  await using repo = await TestRepository.create()
  const { snapshot } = await addEveryKind(repo)
  const [key = ''] = repo.keys('lists/')
  const { id: repositoryId, keys, random } = repo.repository
  const other = encodePayload({ kind: 'forget', snapshots: [snapshot] })
  const place = { repositoryId, logKey: keys.logKey }
  const bytes = sealList(other, listId(key.slice('lists/'.length)), place, random)
  const before = repo.snapshot(snapshot).forgotten
  repo.storage.objects.set(key, { bytes, storedAt: 0 })
  await repo.reopen({ forgetting: true })
  expect(repo.repository.log.state.problems.map(({ reason }) => reason)).toEqual(['list-unreadable'])
  expect(repo.snapshot(snapshot).forgotten).toEqual(before)
})
