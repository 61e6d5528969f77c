/**
 * What a run that writes may take for stored. Packs that another run is still storing are its own affair: whoever named them would
 * hand them to the next collector, to which they look as if nobody needed them, long before that run comes to its end.
 */
import type { Reliance } from '../manifest/chunks-table.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { Processes } from '../storage/processes.ts'
import { setUndecodableAside } from './undecodable.ts'

/** The kind of such runs in the manifest's history. */
export const BACKUP_RUN = 'backup'

/** What a run relies on. `takenAway`: as the manifest's packs have it at the beginning. */
export type BegunRun = { readonly reliance: Reliance; readonly takenAway: number }

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
    return { reliance, takenAway: manifest.packs.takenAway() }
  })
}

/** For certain. */
function isAtWork(details: unknown, processes: Processes): boolean {
  if (typeof details !== 'object' || details === null || !('writer' in details)) return false
  return typeof details.writer === 'string' && processes.stateOf(details.writer) === 'running'
}
