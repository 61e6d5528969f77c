/** `dump`: a file of a snapshot as its bytes, a directory as an archive. It writes nowhere: the caller takes the stream. */
import { SnapError } from '../../model/errors.ts'
import type { ProgressListener } from '../../model/progress.ts'
import type { Repository } from '../../repository/repository.ts'
import { decodeContent } from '../../snapshot/content.ts'
import { reasonInWords } from '../../snapshot/unreadable.ts'
import { resolveSnapshotPath } from '../list.ts'
import type { ArchiveSource } from './archive-source.ts'
import { fileBytes } from './file-bytes.ts'
import { tarArchive } from './tar-archive.ts'

export type ArchiveFormat = 'tar' | 'zip'

export type DumpRequest = {
  /** Encoded content of the snapshot's root tree. */
  readonly root: Uint8Array
  readonly path: string
  /** For a directory. */
  readonly archive: ArchiveFormat
}

export type DumpPorts = { readonly progress: ProgressListener; readonly signal: AbortSignal }

export type Dump = {
  readonly kind: 'file' | ArchiveFormat
  /** Of a file; unknown for an archive. */
  readonly size: number | undefined
  /** Blocks of at most some MiB, not to be changed. What is damaged throws when its turn comes. */
  readonly bytes: AsyncIterable<Uint8Array>
  /** Entries that the archive lacks, or has in part, each of which a warning has named, sockets aside; final when `bytes` has ended. */
  readonly lacking: () => number
}

/** `PATH_UNKNOWN` where the snapshot has nothing there or it has no bytes; nothing is read before `bytes` is. */
export async function dump(repository: Repository, request: DumpRequest, ports: DumpPorts): Promise<Dump> {
  const { root, path, archive } = request
  const { progress, signal } = ports
  let lacking = 0
  const { names, at, content } = await resolveSnapshotPath(repository, decodeContent(root), path)
  const entry = at?.entry
  if (entry?.unreadable !== undefined && content === undefined) {
    throw new SnapError(
      'PATH_UNKNOWN',
      `${at?.path ?? path} was unreadable when the snapshot was made (${reasonInWords(entry.unreadable)})`,
    )
  }
  if (entry?.type === 'file')
    return {
      kind: 'file',
      size: entry.size,
      bytes: interruptible(fileBytes(repository.chunks, entry), signal),
      lacking: () => 0,
    }
  if (content === undefined || (entry !== undefined && entry.type !== 'dir')) {
    throw new SnapError(
      'PATH_UNKNOWN',
      `${at?.path ?? path} is a ${entry?.type ?? 'thing'} and has no content`,
      {
        hint: 'Name a file or a directory.',
      },
    )
  }
  const source: ArchiveSource = {
    ...{ repository, at, content, names, progress, signal },
    lacking: () => {
      lacking += 1
    },
  }
  const archiveOf = archive === 'tar' ? tarArchive : (await import('./zip-archive.ts')).zipArchive
  const bytes = interruptible(archiveOf(source), signal)
  return { kind: archive, size: undefined, bytes, lacking: () => lacking }
}

async function* interruptible(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of source) {
    signal.throwIfAborted()
    yield bytes
  }
}
