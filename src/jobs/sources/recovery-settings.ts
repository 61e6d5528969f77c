/**
 * What a recovered cluster's `postgresql.auto.conf` is told: how to get archived WAL, and where to stop. Pure: quoting for PostgreSQL's
 * configuration, and for the shell within it.
 */

export type RecoverySettings = {
  /** This program with its arguments up to the command. */
  readonly program: readonly string[]
  /** Between `wal fetch` and the name: as `--config FILE`, and the source. */
  readonly options: readonly string[]
  readonly source: string
  /** ms; `undefined`: to the end of the WAL. */
  readonly atMs: number | undefined
  /** `undefined`: that of the base backup. */
  readonly timeline: number | undefined
  /** Leave archiving as the copied settings have it. */
  readonly archive: boolean
}

/** Lines to be added at the end, where they go over what stands before. */
export function recoverySettings(settings: RecoverySettings): string {
  const { atMs, timeline, archive } = settings
  const lines: (readonly [string, string])[] = [
    ['restore_command', restoreCommand(settings)],
    ['recovery_target_timeline', timeline === undefined ? 'current' : String(timeline)],
    ['recovery_target_time', atMs === undefined ? '' : targetTime(atMs)],
    ['recovery_target_inclusive', 'on'],
    ['recovery_target_action', 'promote'],
    ...(archive ? [] : [['archive_mode', 'off'] as const]),
  ]
  return `\n# By snap db recover.\n${lines.map(([name, value]) => `${name} = ${quotedSetting(value)}\n`).join('')}`
}

/**
 * That the archive does not have a file is believed only of a program that starts: what a half-removed one ends with would be taken for the
 * end of the WAL too.
 */
function restoreCommand({ program, options, source }: RecoverySettings): string {
  const snap = program.map(quotedForShell).join(' ')
  const args = [...options, source].map(quotedForShell).join(' ')
  return `${snap} wal fetch ${args} %f "%p" || { s=$?; ${snap} --version >/dev/null || s=200; exit $s; }`
}

/** In UTC; the last millisecond of a second is all that is left of it: PostgreSQL counts microseconds. */
function targetTime(ms: number): string {
  const [day, clock = ''] = new Date(ms).toISOString().slice(0, -1).split('T')
  return `${day} ${clock}${clock.endsWith('.999') ? '999' : ''}+00`
}

/** A word for the shell, in which PostgreSQL replaces nothing. */
export function quotedForShell(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`.replaceAll('%', '%%')
}

/** A value in `postgresql.conf`. */
export function quotedSetting(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`
}
