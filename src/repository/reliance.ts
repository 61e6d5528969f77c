/**
 * What a run that writes may take for stored. Packs that another run is still storing are its own affair: whoever named them would
 * hand them to the next collector, to which they look as if nobody needed them, long before that run comes to its end.
 */
import { createHash } from 'node:crypto'
import type { Reliance } from '../manifest/chunks-table.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { Processes } from '../storage/processes.ts'
import { setUndecodableAside } from './undecodable.ts'

/** The kind of such runs in the manifest's history. */
export const BACKUP_RUN = 'backup'

/** What a run relies on from its beginning. `packs`: as `reliedPacks` has it then. */
export type BegunRun = { readonly reliance: Reliance; readonly packs: string }

/**
 * Begins a run of this process. What runs that were killed have stored may be relied on, and must be named then; what lies over
 * bases that a collection has taken since is forgotten first. What others store from now on is not relied on: nobody looks at its bases.
 */
export function beginRun(manifest: Manifest, processes: Processes, startedMs: number): BegunRun {
  return manifest.transaction(() => {
    setUndecodableAside(manifest, manifest.packs.pending())
    const others = manifest.runs
      .unfinished(BACKUP_RUN)
      .filter(({ details }) => isAtWork(details, processes))
      .map(({ id }) => id)
    const run = manifest.runs.begin(BACKUP_RUN, startedMs, { writer: processes.own ?? null })
    const reliance = { run, others, upTo: manifest.packs.lastNo() }
    return { reliance, packs: reliedPacks(manifest, reliance) }
  })
}

/**
 * Stands for the packs that may be relied on and were there at the beginning: it is another text when one of them is gone or was set
 * aside, by whichever process on this manifest.
 */
export function reliedPacks({ packs }: Manifest, { upTo }: Reliance): string {
  const digest = createHash('sha256')
  for (const { no, id, state, trusted } of packs.list())
    if (no <= upTo && trusted && state !== 'quarantined') digest.update(id)
  return digest.digest('hex')
}

/** For certain. */
function isAtWork(details: unknown, processes: Processes): boolean {
  if (typeof details !== 'object' || details === null || !('writer' in details)) return false
  return typeof details.writer === 'string' && processes.stateOf(details.writer) === 'running'
}
