/** What a client may do, with what others may have made of its reasons meanwhile, and how it may be refused. */
import type { ErrorCode } from '../../../src/model/errors.ts'
import type { SnapshotId } from '../../../src/model/ids.ts'
import { forgetByIds } from '../../../src/ops/forget/forget.ts'
import { undoForget } from '../../../src/ops/forget/undo.ts'
import { prune } from '../../../src/ops/prune/prune.ts'
import { purge } from '../../../src/ops/purge/purge.ts'
import { type RepairReport, repair } from '../../../src/ops/repair/repair.ts'
import type { Chance } from '../builders.ts'
import type { Client } from './client.ts'
import { happens, type Modes, oneOf } from './modes.ts'
import type { Promises } from './promises.ts'
import { DIRECTORIES, NAMES, type Sources } from './sources.ts'

const DAY_MS = 86_400_000
const YEAR_MS = 365 * DAY_MS

/** What operations know of their world. */
export type Surroundings = {
  readonly chance: Chance
  readonly sources: Sources
  readonly promises: Promises
}

export type OperationName =
  | 'backup'
  | 'forget'
  | 'unforget'
  | 'prune'
  | 'purge'
  | 'follow'
  | 'repair'
  | 'quarantine'

type Operation = (client: Client, world: Surroundings) => Promise<unknown>

/** A signal of its own for each: a killed operation listens to it for ever. */
const silent = () => ({ progress: () => undefined, signal: new AbortController().signal })

export const OPERATIONS: Readonly<Record<OperationName, Operation>> = {
  async backup(client, world) {
    const { chance } = world
    const directory = oneOf(chance, DIRECTORIES) ?? ''
    await backUp(client, world, directory, { full: happens(chance, 0.1) })
  },

  async forget({ test }, { chance, promises }) {
    const ids = idsOf(test.repository.log.state.snapshots, { forgotten: false })
    const some = ids.filter(() => happens(chance, 0.5))
    if (some.length === 0) return
    promises.release(some)
    await forgetByIds(test.repository, some, { dryRun: false, evenLast: true })
  },

  async unforget({ test }, { chance }) {
    const one = oneOf(chance, idsOf(test.repository.log.state.snapshots, { forgotten: true }))
    if (one !== undefined) await undoForget(test.repository, [one])
  },

  async prune({ test }, { chance }) {
    const request = {
      unusedShareMax: oneOf(chance, [0, 0.05, 0.5, 1]) ?? 0,
      repackBytesMax: happens(chance, 0.2) ? 50_000 : Number.POSITIVE_INFINITY,
      undoMs: 0,
      strayMs: happens(chance, 0.5) ? 0 : DAY_MS,
      dryRun: false,
    }
    await prune(test.repository, request, silent())
  },

  async purge({ test }, { chance, promises }) {
    const directory = oneOf(chance, DIRECTORIES) ?? ''
    const name = oneOf(chance, NAMES) ?? ''
    promises.purge(directory, name)
    const options = {
      paths: [{ text: `${directory}/${name}`, isGlob: false }],
      concerns: () => true,
      undoMs: happens(chance, 0.5) ? 0 : YEAR_MS,
      strayMs: happens(chance, 0.2) ? 0 : DAY_MS,
      acceptDamagedLog: false,
    }
    await purge(test.repository, options, silent())
  },

  follow: ({ test }) => test.repository.log.follow(),

  repair: repairAll,

  async quarantine({ test }, { chance }) {
    const pack = oneOf(chance, test.repository.manifest.packs.list('live'))
    if (pack !== undefined) await test.repository.log.append(() => ({ kind: 'quarantine', packs: [pack.id] }))
  },
}

const COMMON: readonly OperationName[] = [
  ...Array<OperationName>(5).fill('backup'),
  ...Array<OperationName>(2).fill('forget'),
  ...Array<OperationName>(3).fill('prune'),
  'follow',
  'unforget',
  'repair',
]

/** As often as each is to come. */
export function operationsOf({ purges, quarantines }: Modes): readonly OperationName[] {
  return [
    ...COMMON,
    ...Array<OperationName>(purges ? 4 : 0).fill('purge'),
    ...Array<OperationName>(quarantines ? 1 : 0).fill('quarantine'),
  ]
}

/** What may be said where another was faster, or where that is asked for which cannot be. */
const REFUSALS: Readonly<Record<OperationName, readonly ErrorCode[]>> = {
  backup: ['STORAGE_FAILED'],
  forget: ['SNAPSHOT_UNKNOWN'],
  unforget: ['SNAPSHOT_UNKNOWN'],
  prune: ['STORAGE_FAILED'],
  purge: ['STORAGE_FAILED', 'SNAPSHOT_UNKNOWN', 'PATH_UNKNOWN'],
  follow: [],
  repair: ['STORAGE_FAILED'],
  quarantine: [],
}

export function mayBeRefused(what: OperationName, code: ErrorCode, modes: Modes): boolean {
  if (REFUSALS[what].includes(code)) return true
  if (code === 'REPOSITORY_FULL') return modes.fullDisk
  return code === 'OBJECT_MISSING' && modes.losesIndexes
}

/** Returns what it saved. */
export async function backUp(
  client: Client,
  { sources, promises }: Pick<Surroundings, 'sources' | 'promises'>,
  directory: string,
  walk: { readonly full?: boolean } = {},
): Promise<SnapshotId> {
  const source = sources.frozen()
  const files = sources.filesOf(directory)
  const { snapshot } = await client.test.backupWith({ source, executor: client.executor, walk }, directory)
  promises.saved(snapshot, { directory, files })
  return snapshot
}

export function repairAll({ test }: Client): Promise<RepairReport> {
  return repair(test.repository, { data: false, dryRun: false }, { ...silent(), pool: test.pool() })
}

function idsOf(
  snapshots: ReadonlyMap<SnapshotId, { readonly forgotten: unknown }>,
  { forgotten }: { readonly forgotten: boolean },
): SnapshotId[] {
  return [...snapshots].filter(([, one]) => (one.forgotten !== undefined) === forgotten).map(([id]) => id)
}
