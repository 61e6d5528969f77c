import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { commitSynthetic } from '../../../bench/scale/synthetic-snapshot.ts'
import { CHUNKS_OF_PACK } from '../../../bench/synthetic-packs.ts'
import { systemRandom } from '../../../src/crypto/random.ts'
import { encodeKeyFile } from '../../../src/keys/key-file.ts'
import type { SlotSecret } from '../../../src/keys/slot.ts'
import { prune } from '../../../src/ops/prune/prune.ts'
import { verify } from '../../../src/ops/verify/verify.ts'
import { createRepository, openRepository } from '../../../src/repository/open-repository.ts'
import { createLocalDirectory, openLocalDirectory } from '../../../src/storage/local-directory.ts'

const directory = mkdtempSync(join(tmpdir(), 'snap-bench-'))
afterAll(() => rmSync(directory, { recursive: true }))

it('a synthetic snapshot is whole in its structure, and a prune keeps all of it', async () => {
  const [repo, cache, keyFile] = ['repo', 'cache', 'key'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ]
  const rest = { cacheDirectory: cache, clock: { now: () => Date.now() }, random: systemRandom }
  const secret: SlotSecret = { kind: 'key file', secret: systemRandom.bytes(32) }
  {
    await using made = await createRepository(
      { ...rest, storage: await createLocalDirectory(repo) },
      { secret: async () => secret, slotName: 'test' },
    )
    writeFileSync(keyFile, encodeKeyFile({ repositoryId: made.id, secret: secret.secret }))
  }
  const chunks = 3 * CHUNKS_OF_PACK
  await commitSynthetic({ repo, cache, keyFile }, chunks)

  await using repository = await openRepository({ ...rest, storage: openLocalDirectory(repo) }, secret)
  const ports = { progress: () => undefined, signal: new AbortController().signal }
  const report = await verify(repository, { data: false }, ports)
  expect([report.damages, report.affectedTotal]).toEqual([[], 0])
  const packs = repository.manifest.packs.list('live').filter(({ kind }) => kind === 'data')
  const held = packs.flatMap(({ no }) => repository.manifest.packs.tableOf(no))
  expect(held.reduce((sum, { chunkLengths }) => sum + chunkLengths.length, 0)).toBe(chunks)
  const plan = await prune(
    repository,
    { unusedShareMax: 0.05, repackBytesMax: 1e12, undoMs: 0, strayMs: 0, dryRun: true },
    ports,
  )
  expect(plan.packs).toMatchObject({ dead: 0, repacked: 0, stray: 0 })
  expect(plan.packs.kept).toBeGreaterThanOrEqual(packs.length)
})
