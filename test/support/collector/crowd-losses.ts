/** What became of the snapshots that a crowd of processes saved, as a client sees it that has never seen the repository. */
import { mkdtempSync, readFileSync } from 'node:fs'
import { systemRandom } from '../../../src/crypto/random.ts'
import { decodeKeyFile } from '../../../src/keys/key-file.ts'
import { openRepository } from '../../../src/repository/open-repository.ts'
import { openLocalDirectory } from '../../../src/storage/local-directory.ts'
import type { Sandbox } from '../snap.ts'
import type { Crowd } from './crowd.ts'
import { readSnapshot } from './read-snapshot.ts'

export type Losses = { readonly losses: readonly string[]; readonly restored: number }

/** Those that nobody asked to forget must be there; all that are there must be what they were. */
export async function lossesOf(sandbox: Sandbox, crowd: Crowd): Promise<Losses> {
  const losses: string[] = []
  let restored = 0
  await using repository = await openRepository(
    {
      storage: openLocalDirectory(sandbox.repository),
      cacheDirectory: mkdtempSync(sandbox.path('cache-')),
      clock: Date,
      random: systemRandom,
    },
    { kind: 'key file', secret: decodeKeyFile(readFileSync(sandbox.keyFile, 'utf8')).secret },
  )
  const there = new Map([...repository.log.state.snapshots.values()].map((one) => [String(one.id), one]))
  for (const [id, digest] of crowd.saved) {
    const snapshot = there.get(id)
    if (snapshot === undefined) {
      if (!crowd.forgotten.has(id)) losses.push(`${id} is gone though nobody forgot it`)
      continue
    }
    try {
      const found = await readSnapshot(repository, snapshot.root)
      if (found !== digest) losses.push(`${id} is something else`)
      restored += 1
    } catch (error) {
      losses.push(`${id}: ${(error as Error).message}`)
    }
  }
  const verified = await sandbox.run(['verify', '--data', '--no-progress'], {
    env: { SNAP_CACHE_DIR: sandbox.path('caches', 'fresh') },
  })
  if (verified.status !== 0) losses.push(`verify --data: ${verified.stdout}${verified.stderr}`)
  return { losses, restored }
}
