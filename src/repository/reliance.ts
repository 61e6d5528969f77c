/**
 * What a run that writes may take for stored. Packs that another run is still storing are its own affair: whoever named them would
 * hand them to the next collector, to which they look as if nobody needed them, long before that run comes to its end.
 */
import type { Reliance } from '../manifest/chunks-table.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { SeriesId } from '../model/ids.ts'
import type { Processes } from '../storage/processes.ts'
import { setUndecodableAside } from './undecodable.ts'

/** The kind of such runs in the manifest's history. */
export const BACKUP_RUN = 'backup'

/** What a run relies on. `takenAway`: as the manifest's packs have it at the beginning. */
export type BegunRun = { readonly reliance: Reliance; readonly takenAway: number }

/**
 * Begins a run of this process. What runs that were killed have stored may be relied on, and must be named then; what lies over
 * bases that a collection has taken since is forgotten first. What others store from now on is not relied on: nobody looks at its bases.
 * `series`: of the snapshot that it is to save.
 */
export function beginRun(
  manifest: Manifest,
  processes: Processes,
  { startedMs, series }: { readonly startedMs: number; readonly series?: SeriesId | undefined },
): BegunRun {
  return manifest.transaction(() => {
    setUndecodableAside(manifest, manifest.packs.pending())
    const others = manifest.runs
      .unfinished(BACKUP_RUN)
      .filter(({ details }) => isAtWork(details, processes))
      .map(({ id }) => id)
    const run = manifest.runs.begin(BACKUP_RUN, startedMs, { writer: processes.own ?? null, series })
    const reliance = { run, others, upTo: manifest.packs.lastNo() }
    return { reliance, takenAway: manifest.packs.takenAway() }
  })
}

/**
 * Runs whose packs the next one may still be about to take over, though entries of other series name them: those that have saved
 * nothing. One that is not at work is succeeded by the next of its series that saves a snapshot: what that had no use for, nobody
 * waits for.
 */
export function awaitedRuns(manifest: Manifest, processes: Processes): ReadonlySet<number> {
  const lastSaved = manifest.runs.lastSaved(BACKUP_RUN)
  const awaited = manifest.runs.unsaved(BACKUP_RUN).filter(({ id, endedMs, details }) => {
    const isOver = endedMs !== null || !isAtWork(details, processes)
    return !isOver || id > (lastSaved.get(textIn(details, 'series') ?? '') ?? 0)
  })
  return new Set(awaited.map(({ id }) => id))
}

/** For certain. */
function isAtWork(details: unknown, processes: Processes): boolean {
  const writer = textIn(details, 'writer')
  return writer !== undefined && processes.stateOf(writer) === 'running'
}

function textIn(details: unknown, name: 'writer' | 'series'): string | undefined {
  if (typeof details !== 'object' || details === null) return undefined
  const value: unknown = Object.entries(details).find(([key]) => key === name)?.[1]
  return typeof value === 'string' ? value : undefined
}
