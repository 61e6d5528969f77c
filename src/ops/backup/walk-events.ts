/** What a walk tells, counted and passed on. */
import { reasonInWords } from '../../snapshot/unreadable.ts'
import type { BackupPorts } from './request.ts'
import type { BackupCounter } from './summary.ts'
import type { WalkEvents } from './walk-ports.ts'

export function walkEvents(counter: BackupCounter, ports: BackupPorts): WalkEvents {
  return {
    found: (_path, stat) => {
      counter.found(stat)
      // Not for every file: the total is for the eye.
      if (stat.type === 'dir') {
        ports.progress({ kind: 'total', files: counter.filesFound, bytes: counter.bytesFound, final: false })
      }
    },
    unmodified: (path, bytes) => {
      counter.filesUnmodified += 1
      counter.bytesTotal += bytes
      ports.progress({ kind: 'done', files: 1, bytes })
      ports.decided?.(path, 'unmodified')
    },
    takenOver: ({ directories, files, bytes, others }) => {
      counter.filesFound += files
      counter.bytesFound += bytes
      counter.filesUnmodified += files
      counter.dirsUnmodified += directories
      counter.bytesTotal += bytes
      counter.others += others
      ports.progress({ kind: 'total', files: counter.filesFound, bytes: counter.bytesFound, final: false })
      ports.progress({ kind: 'done', files, bytes })
    },
    queued: (path, why) => {
      if (why === 'lost') ports.decided?.(path, 'again', 'the repository may not have all of it any more')
      else if (why === 'reread') ports.decided?.(path, 'again', 'everything is read again')
      else ports.decided?.(path, why)
    },
    unreadable: (path, reason) => {
      counter.addUnreadable(path, reason)
      ports.progress({ kind: 'warning', path, reason: reasonInWords(reason) })
    },
    excluded: (path, why) => ports.decided?.(path, 'excluded', why),
  }
}
