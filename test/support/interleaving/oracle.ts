/** What must be true after a round, for a client that has seen nothing before. Each check returns what is wrong, in words. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { SnapshotId } from '../../../src/model/ids.ts'
import { snapshotsReader } from '../../../src/ops/current-snapshots.ts'
import { verify } from '../../../src/ops/verify/verify.ts'
import { setUndecodableAside } from '../../../src/repository/undecodable.ts'
import type { TestRepository } from '../repository.ts'
import { oneOf } from './modes.ts'
import type { Saved } from './promises.ts'
import type { World } from './world.ts'

const LISTED_MAX = 5
const NOTHING = new Uint8Array(0)

/** `closing`: what was saved last, with nobody between. */
export async function wrongWith(world: World, closing: readonly SnapshotId[]): Promise<string[]> {
  await using fresh = await world.test.another()
  try {
    return [
      ...missing(world, fresh),
      ...withoutBases(world, fresh),
      ...(await damages(world, fresh)),
      ...(await unlike(world, fresh, closing)),
    ]
  } finally {
    rmSync(fresh.ports.cacheDirectory, { recursive: true, force: true })
  }
}

function missing({ promises }: World, { repository }: TestRepository): string[] {
  const { snapshots } = repository.log.state
  return promises
    .kept()
    .filter((id) => snapshots.get(id)?.forgotten !== undefined || !snapshots.has(id))
    .map((id) => `snapshot ${id} is LOST: nobody forgot it, and it is not there`)
}

function withoutBases({ tally }: World, { repository }: TestRepository): string[] {
  tally.deltaPacks += repository.manifest.packs.withDeltas().length
  const count = setUndecodableAside(repository.manifest)
  return count === 0 ? [] : [`${count} packs hold differences to what lies nowhere`]
}

async function damages({ tally }: World, fresh: TestRepository): Promise<string[]> {
  const ports = { progress: () => undefined, signal: new AbortController().signal, pool: fresh.pool() }
  const report = await verify(fresh.repository, { data: true }, ports)
  tally.verifications += 1
  return [
    ...report.damages.map(({ object, reason }) => `verify: ${object}: ${reason}`),
    ...report.affected.map(({ snapshot, path }) => `verify: ${path} of snapshot ${snapshot} is LOST`),
  ].slice(0, LISTED_MAX)
}

/** One of all that are live, and all that were saved last. */
async function unlike(
  { chance, promises, tally }: World,
  fresh: TestRepository,
  closing: readonly SnapshotId[],
): Promise<string[]> {
  const { repository } = fresh
  const snapshots = (await snapshotsReader(repository))(repository.log.state)
  for (const { id, original } of snapshots) if (original !== undefined) promises.copied(id, original)
  const live = snapshots
    .filter(({ id, forgotten }) => !forgotten && promises.of(id) !== undefined)
    .map(({ id }) => id)
  const one = oneOf(chance, live)
  const wrong: string[] = []
  for (const id of new Set([...(one === undefined ? [] : [one]), ...closing])) {
    const saved = promises.of(id)
    if (saved === undefined) continue
    const differing = await restoredUnlike(fresh, id, saved)
    tally.restored += 1
    if (differing.length > 0) wrong.push(`snapshot ${id} is LOST: ${differing.join(', ')}`)
  }
  return wrong
}

async function restoredUnlike(
  fresh: TestRepository,
  id: SnapshotId,
  { directory, files, purged }: Saved,
): Promise<string[]> {
  const target = mkdtempSync(join(fresh.directory, 'back-'))
  try {
    const { failures } = await fresh.restore(id, target, directory)
    const names = readdirSync(target)
    const missing = [...files.keys()].filter((name) => !names.includes(name) && purged?.has(name) !== true)
    const different = names.filter(
      (name) => !readFileSync(join(target, name)).equals(files.get(name) ?? NOTHING),
    )
    return [
      ...failures.map((failure) => JSON.stringify(failure)),
      ...missing.map((name) => `${name} is missing`),
      ...different.map((name) => `${name} is something else`),
    ]
  } finally {
    rmSync(target, { recursive: true, force: true })
  }
}
