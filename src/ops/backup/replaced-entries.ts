/** Names under which something else lies than a moment before: the walk looks at them again. */
import type { FileStat, SourceFiles } from '../../model/files.ts'
import { sourceReason } from '../../workers/file-pipeline.ts'
import type { QueuedFile, WhyQueued } from './file-queue.ts'

/**
 * What `lstat` says of an entry that is gone, perhaps with a directory above it: the walk came down through directories, so that
 * one of them is another thing now.
 */
export const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP'])
/** What opening says where something else lies than `lstat` found: a link, a socket, a device, a file where a directory was. */
const MOVING: ReadonlySet<string> = new Set([
  ...GONE,
  'REPLACED',
  'ENXIO',
  'ENODEV',
  'EOPNOTSUPP',
  'EINVAL',
  'ESTALE',
])
/** A name under which something else lies each time it is looked at, this often, is unreadable. */
const REPLACED_MAX = 16

/** A place in a directory of which is to be found out again what lies there. */
export type ReplacedEntry = Pick<QueuedFile, 'node' | 'slot' | 'path' | 'name'> & {
  /** What it was. */
  readonly type: FileStat['type']
  readonly replaced: number
  /** Of a file that was queued. */
  readonly why?: WhyQueued | undefined
}

export class ReplacedEntries {
  readonly #source: SourceFiles
  #entries: ReplacedEntry[] = []

  constructor(source: SourceFiles) {
    this.#source = source
  }

  /** Whether an entry that could not be read for this reason has become something else, or was for a moment. It is kept then. */
  keeps(entry: ReplacedEntry, reason: string): boolean {
    if (entry.replaced >= REPLACED_MAX) return false
    if (!MOVING.has(reason) && !this.#isElse(entry)) return false
    this.#entries.push({ ...entry, replaced: entry.replaced + 1 })
    return true
  }

  /** Those kept since the last call. */
  take(): readonly ReplacedEntry[] {
    return this.#entries.splice(0)
  }

  /** Whether the entry is gone or of another type; false where it cannot be told. */
  #isElse({ path, type }: ReplacedEntry): boolean {
    try {
      return this.#source.lstat(path).type !== type
    } catch (error) {
      return GONE.has(sourceReason(error))
    }
  }
}
