/** `backup --dry-run`: walks and compares as a backup does, and stores nothing. */
import type { Repository } from '../../repository/repository.ts'
import { EMPTY_CONTENT } from '../../snapshot/content.ts'
import { encodeEntry } from '../../snapshot/entry.ts'
import { entryOf } from '../../workers/file-pipeline.ts'
import type { QueuedFile } from './file-queue.ts'
import { PreviousSnapshot } from './previous.ts'
import { type BackupPorts, type BackupRequest, parentOf } from './request.ts'
import { rootTree } from './roots.ts'
import { readablePaths } from './sources.ts'
import { streamedStat } from './streamed-file.ts'
import { BackupCounter, type BackupSummary, type UnreadablePath } from './summary.ts'
import { Walk } from './walk.ts'
import { walkEvents } from './walk-events.ts'

/** `bytesRead`: what would have to be read. Nothing is known of what would be stored. */
export type BackupPlan = {
  readonly summary: BackupSummary
  readonly unreadable: readonly UnreadablePath[]
}

/** Without a `repository` everything is new. */
export async function planBackup(
  repository: Repository | undefined,
  request: BackupRequest,
  ports: BackupPorts,
): Promise<BackupPlan> {
  const startedMs = ports.clock.now()
  const counter = new BackupCounter()
  const parent = repository === undefined ? undefined : parentOf(repository, request)
  const paths = readablePaths(request, ports, parent !== undefined)
  for (const { path, reason } of paths.missing) counter.addUnreadable(path, reason)
  const before = repository === undefined ? undefined : previousOf(repository)
  const previous = parent === undefined ? undefined : await before?.root(parent.root)
  let bytesToRead = 0
  const walk: Walk = new Walk(
    {
      source: ports.source,
      queue: {
        isCrowded: false,
        add: ({ node, slot, name, stat, why }: QueuedFile) => {
          bytesToRead += stat.size
          counter.stored(why, stat.size, why === 'reread')
          node.fill(slot, encodeEntry(entryOf(name, stat, undefined)))
          ports.progress({ kind: 'done', files: 1, bytes: stat.size })
          walk.settled(node)
        },
        // What it would print is known when it has run.
        addStream: ({ node, slot, name, why }) => {
          counter.stored(why, 0, false)
          const stat = streamedStat('file', startedMs)
          node.fill(slot, encodeEntry(entryOf(name, stat, undefined)))
          walk.settled(node)
        },
        room: async () => undefined,
        drain: async () => undefined,
      },
      previousOf: async (entry) => before?.directory(entry),
      isStored: (entry) => before?.isFileStored(entry) ?? false,
      scan: undefined,
      complete: () => EMPTY_CONTENT,
      events: walkEvents(counter, ports),
      clock: ports.clock,
      signal: ports.signal,
    },
    request.walk,
  )
  await walk.run(rootTree(paths.readable), previous, request.streamed)
  const { filesNew, filesChanged, filesUnmodified, filesAgain, filesTotal, others, bytesTotal, unreadable } =
    counter
  const summary: BackupSummary = {
    filesNew,
    filesChanged,
    filesAgain,
    filesUnmodified,
    dirsNew: 0,
    dirsChanged: 0,
    dirsUnmodified: 0,
    others,
    filesTotal,
    bytesTotal,
    bytesRead: bytesToRead,
    dataChunks: 0,
    treeChunks: 0,
    bytesAdded: 0,
    bytesStored: 0,
    unreadable: counter.unreadableCount,
    changedWhileRead: 0,
    startedMs,
    endedMs: ports.clock.now(),
  }
  return { summary, unreadable }
}

function previousOf(repository: Repository): PreviousSnapshot {
  return new PreviousSnapshot(repository, (chunk) => repository.manifest.chunks.locate(chunk) !== undefined)
}
