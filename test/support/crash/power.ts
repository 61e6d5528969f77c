/** Records commands on a disk that has all of its past durable, and yields the worlds that a power cut may leave. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { SlotSecret } from '../../../src/keys/slot.ts'
import { hasCode } from '../../../src/model/errors.ts'
import type { SnapshotId } from '../../../src/model/ids.ts'
import type { Disk, DiskNode, DiskOp } from '../storage/disk-model.ts'
import { interceptingFs, isMutating } from '../storage/intercepting-fs.ts'
import { powerLosses } from '../storage/recording-fs.ts'
import type { Command } from './commands.ts'
import { copyCache, type Digests, ROOT, type World } from './world.ts'

/** What holds from a number of operations on. */
type Promises = {
  readonly from: number
  readonly saved: ReadonlyMap<SnapshotId, Digests>
  readonly secrets: readonly SlotSecret[]
}

export type Recording = {
  readonly journal: readonly DiskOp[]
  readonly before: Disk
  /** Names of packs and index objects that a log entry condemned before: whoever comes may remove them without another word. */
  readonly condemned: ReadonlySet<string>
  readonly world: World
  readonly promises: readonly Promises[]
  /** By the number of operations: the manifest as it was then, which another disk holds. */
  readonly cacheAt: (ops: number) => string
}

/** Runs the commands one after the other, each in a process of its own. */
export async function record(start: World, commands: readonly Command[]): Promise<Recording> {
  const world = start.fork()
  const before = world.machine.disk.copy()
  const condemned = await condemnedIn(start)
  const placeOf = (ops: number): string => join(world.directory, `cache at ${ops}`)
  // Of operations that were under way together only the first has one: no commit came between them.
  const cacheAt = (ops: number): string =>
    ops === 0 || existsSync(placeOf(ops)) ? placeOf(ops) : cacheAt(ops - 1)
  const { journal } = world.machine
  const promises: Promises[] = []
  const promise = (
    from: number,
    saved: ReadonlyMap<SnapshotId, Digests>,
    secrets: readonly SlotSecret[],
  ): void => {
    promises.push({ from, saved: new Map(saved), secrets: [...secrets] })
  }
  promise(0, world.saved, world.secrets)
  for (const command of commands) {
    const fs = interceptingFs(world.machine.process(), async (call, run) => {
      if (isMutating(call)) copyCache(world.cache, placeOf(journal.length))
      return await run()
    })
    const from = journal.length
    const saved = new Map(world.saved)
    const secrets = [...world.secrets]
    await command.run(world.process({ fs }))
    // What it takes away on purpose is given up as soon as it begins; until it ends, any old or new secret may be the one.
    for (const id of saved.keys()) if (!world.saved.has(id)) saved.delete(id)
    promise(from, saved, [...world.secrets, ...secrets])
    promise(journal.length, world.saved, world.secrets)
  }
  copyCache(world.cache, placeOf(journal.length))
  return { journal, before, condemned, world, promises, cacheAt }
}

async function condemnedIn(start: World): Promise<ReadonlySet<string>> {
  using world = start.fork({ cache: null })
  try {
    await using repository = await world.process().open()
    const { condemnedPacks, condemnedIndexes } = repository.log.state
    return new Set([...condemnedPacks.keys(), ...condemnedIndexes.keys()])
  } catch (error) {
    if (hasCode(error, 'REPOSITORY_MISSING')) return new Set()
    throw error
  }
}

/** What is on a disk, for telling two apart. */
export function fingerprint(disk: Disk): string {
  const hash = createHash('sha256')
  const visit = (node: DiskNode): void => {
    if (node.kind === 'file') hash.update(`${node.bytes.length}:`).update(node.bytes)
    else {
      for (const [name, child] of [...node.names].sort(([a], [b]) => (a < b ? -1 : 1))) {
        hash.update(`(${name}`)
        visit(child)
        hash.update(')')
      }
    }
  }
  visit(disk.root)
  return hash.digest('hex')
}

/** All states, with what tells equal ones: the same disk under the same promises. */
export function* states(
  recording: Recording,
): Generator<{ ops: number; how: string; disk: Disk; same: string }> {
  for (const { ops, how, disk } of powerLosses(recording.journal, 0, recording.before.copy())) {
    yield { ops, how, disk, same: `${promised(recording, ops)} ${fingerprint(disk)}` }
  }
}

const promised = ({ promises }: Recording, ops: number): number =>
  promises.findLastIndex(({ from }) => from <= ops)

/** For the client whose manifest survived (`knows`), or for one that has none. */
export function afterwards(
  recording: Recording,
  { ops, disk }: { ops: number; disk: Disk },
  knows: boolean,
): World {
  const { saved, secrets } = recording.promises[promised(recording, ops)]!
  const world = recording.world.fork({ disk, cache: knows ? recording.cacheAt(ops) : null })
  world.saved.clear()
  for (const [id, digests] of saved) world.saved.set(id, digests)
  world.secrets = [...secrets]
  return world
}

/** Packs and index objects that are gone from the disk although no log entry is there that the world's own did not begin with. */
export function removedWithoutWord({ before, condemned }: Recording, disk: Disk): string[] {
  const names = (of: Disk, path: string): Set<string> => {
    try {
      return new Set(of.directory(`${ROOT}/${path}`, 'list').names.keys())
    } catch {
      return new Set()
    }
  }
  const log = names(before, 'log')
  if ([...names(disk, 'log')].some((entry) => !log.has(entry))) return []
  return ['index', ...[...names(before, 'packs')].map((name) => `packs/${name}`)].flatMap((path) =>
    [...names(before, path)]
      .filter((name) => !condemned.has(name) && !names(disk, path).has(name))
      .map((name) => `${path}/${name}`),
  )
}
