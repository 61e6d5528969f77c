/** That no WAL of a cluster comes any more, as something that people should know of. Pure. */
import type { ArchiveStatus } from '../status/report.ts'
import type { Condition } from './condition.ts'

const PREFIX = 'stale-wal:'

/** The source that such a condition is about; `undefined` for the key of another. */
export const clusterIn = (key: string): string | undefined =>
  key.startsWith(PREFIX) ? key.slice(PREFIX.length).split(' ')[0] : undefined

export function lateArchive({ source, repository, late }: ArchiveStatus): Condition[] {
  if (late === undefined) return []
  return [
    {
      key: `${PREFIX}${source} ${repository}`,
      kind: 'stale',
      severity: 'critical',
      title: `the WAL of ${source} is not archived`,
      text: late.reason,
      hint: `Look at the server's log, and at pg_stat_archiver: until \`snap wal push\` works again, nothing newer can be recovered, and its disk fills up.`,
      repository,
    },
  ]
}
