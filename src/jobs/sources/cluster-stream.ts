/**
 * A PostgreSQL cluster as a file of the snapshot: what `pg_basebackup` writes, as it comes and uncompressed, so that two base backups share
 * what has not changed. It has the WAL that makes it consistent.
 */
import type { Note } from '../../log/details.ts'
import type { StreamedFile } from '../../ops/backup/streamed-file.ts'
import { baseNote } from '../../ops/wal/facts.ts'
import type { ClusterSource } from '../config/config.ts'
import { BaseArchive } from './base-archive.ts'
import { clusterInfo } from './cluster.ts'
import { type CommandEvents, commandOutput } from './command-output.ts'
import { postgresCommand } from './postgres.ts'
import type { SourceStream } from './source-stream.ts'

/** Of the base backup in the snapshot. */
export const BASE_NAME = 'base.tar'

const TO_STDOUT = ['--pgdata=-', '--format=tar', '--wal-method=fetch', '--checkpoint=fast']

export function clusterStream({ server, options }: ClusterSource, events: CommandEvents): SourceStream {
  let facts: Note | undefined
  const base: StreamedFile = {
    name: BASE_NAME,
    open: async function* (signal) {
      facts = undefined
      // Before the question: what is added to the answer is rather too much than too little, and the backup had ended by then.
      const asked = performance.now()
      const info = await clusterInfo(server, signal)
      if (info.tablespaces.length > 0)
        throw new Error(
          `the cluster has tablespaces of its own (${info.tablespaces.join(', ')}), with which a base backup cannot be streamed`,
        )
      const archive = new BaseArchive()
      const command = postgresCommand(server, 'pg_basebackup', [...TO_STDOUT, ...options])
      for await (const bytes of commandOutput(command, signal, events)) {
        archive.push(bytes)
        yield bytes
      }
      facts = baseNote({
        ...archive.finish(info.segment_bytes),
        system: info.system,
        serverVersion: info.server_version,
        segmentBytes: info.segment_bytes,
        startedMs: info.now,
        finishedMs: Math.ceil(info.now + performance.now() - asked),
      })
    },
  }
  return { files: [base], facts: () => facts }
}
