/** What the walk is given: where it looks, what it hands on, and whom it tells. */
import type { Clock } from '../../model/clock.ts'
import type { FileStat, SourceFiles } from '../../model/files.ts'
import type { Content } from '../../snapshot/content.ts'
import type { ScanUnit, TreeSums } from '../../workers/tasks.ts'
import type { DirectoryNode, PreviousDirectory } from './directory-node.ts'
import type { ExclusionEvents } from './exclusions.ts'
import type { QueuedFile, QueuedStream, WhyQueued } from './file-queue.ts'

/** Where the walk puts files whose content is to be read. */
export type WalkQueue = {
  /** Whether the walk should await `room` before it goes on. */
  readonly isCrowded: boolean
  add(file: QueuedFile): void
  addStream(stream: QueuedStream): void
  room(): Promise<void>
  drain(): Promise<void>
}

export type WalkPorts = {
  readonly source: SourceFiles
  readonly queue: WalkQueue
  /** A directory of the parent snapshot, from its encoded entry. */
  readonly previousOf: (entry: Uint8Array) => Promise<PreviousDirectory | undefined>
  /** Whether the chunks of a file's entry in the parent snapshot are stored still. */
  readonly isStored: (entry: Uint8Array) => boolean | Promise<boolean>
  /** Verdicts of the threads on directories; `undefined` where the walk is to look at everything itself. */
  readonly scan: WalkScan | undefined
  /** Encodes and stores a complete directory; the same content where nothing changed. */
  readonly complete: (node: DirectoryNode) => Content
  readonly events: WalkEvents
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Directories that need not be walked. */
export type WalkScan = {
  /** What is in a directory that is, with all below it, what its entry in the parent snapshot says; `undefined` where it may not be. */
  same(directory: ScanUnit): Promise<TreeSums | undefined>
}

export type WalkEvents = ExclusionEvents & {
  readonly found: (path: string, stat: FileStat) => void
  /** Taken over from the parent snapshot without being read. */
  readonly unmodified: (path: string, bytes: number) => void
  /** A directory taken over with all below it, none of which was told of by itself. */
  readonly takenOver: (sums: TreeSums) => void
  readonly queued: (path: string, why: WhyQueued) => void
}
