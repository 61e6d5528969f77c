/** The options that say how a prune goes about, for `prune` and for `forget --prune`, and the request that they make. */
import type { Command } from 'commander'
import { parseSize } from '../base/sizes.ts'
import { SnapError } from '../model/errors.ts'
import { parseSpan, spanBefore } from '../ops/forget/span.ts'
import type { PruneRequest } from '../ops/prune/prune.ts'
import { localTimeZone } from '../ops/zoned-time.ts'

export type PruneOptions = {
  readonly maxUnused: string
  readonly maxRepack?: string
  readonly undeleteWindow: string
  readonly strayAge: string
  readonly acceptDamagedLog: boolean
}

/** What holds where nothing is said. */
export const DEFAULT_PRUNE_OPTIONS: PruneOptions = {
  maxUnused: '5%',
  undeleteWindow: '14d',
  strayAge: '7d',
  acceptDamagedLog: false,
}

export function addPruneOptions(command: Command): Command {
  const { maxUnused, undeleteWindow, strayAge, acceptDamagedLog } = DEFAULT_PRUNE_OPTIONS
  return command
    .option('--max-unused <percent>', 'write packs anew of which more is not needed', maxUnused)
    .option('--max-repack <size>', 'write no more than this anew in one run (no limit)')
    .option(
      '--undelete-window <span>',
      'spare what was forgotten less than this ago; 0 spares nothing',
      undeleteWindow,
    )
    .option('--stray-age <span>', 'remove what unfinished backups left when it is older', strayAge)
    .option(
      '--accept-damaged-log',
      'go on though log entries cannot be read: their snapshots are lost',
      acceptDamagedLog,
    )
}

/** `USAGE` for what cannot be understood. */
export function pruneRequestOf(options: PruneOptions, nowMs: number, dryRun: boolean): PruneRequest {
  return {
    unusedShareMax: parseShare(options.maxUnused),
    repackBytesMax: options.maxRepack === undefined ? Number.POSITIVE_INFINITY : parseSize(options.maxRepack),
    undoMs: parseAge(options.undeleteWindow, nowMs),
    strayMs: parseAge(options.strayAge, nowMs),
    acceptDamagedLog: options.acceptDamagedLog,
    dryRun,
  }
}

function parseShare(text: string): number {
  const percent = /^(\d{1,3}(?:\.\d+)?) ?%?$/.exec(text.trim())?.[1]
  if (percent === undefined || Number(percent) > 100) {
    throw new SnapError('USAGE', `${JSON.stringify(text)} is not a share`, {
      hint: 'Write it as 5% or 0.5%, up to 100%.',
    })
  }
  return Number(percent) / 100
}

/** A span before now in ms; `0` is none. `USAGE` for what cannot be understood. */
export function parseAge(text: string, nowMs: number): number {
  return text.trim() === '0' ? 0 : nowMs - spanBefore(nowMs, parseSpan(text), localTimeZone())
}
