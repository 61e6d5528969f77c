/**
 * A file of a snapshot that is none of the machine: what a command prints, or a copy that a database makes of itself. It is
 * read once, in order, into blocks that go to the threads; it never lies anywhere as a whole.
 */
import type { FileStat } from '../../model/files.ts'
import type { ContentBlock } from '../../repository/content-blocks.ts'
import type { Entry } from '../../snapshot/entry.ts'
import { entryOf } from '../../workers/file-pipeline.ts'
import { contentOfFile } from './former-items.ts'
import { type StreamParts, storeStream } from './store-stream.ts'

export type StreamedFile = {
  /** A single name. */
  readonly name: string
  /**
   * Begins to produce the bytes; called again where the sources are gone over again. Where it throws, or ends with an error, whatever
   * came before is no dump: the file is recorded as unreadable, with the error's message as the reason.
   */
  readonly open: (signal: AbortSignal) => AsyncIterable<Uint8Array>
  /** Asked when all has been stored: what is wrong with it all the same, so that the snapshot is not complete. */
  readonly problem?: () => string | undefined
}

/** A directory of the snapshot, directly below its root, that holds streams alone. */
export type StreamedDirectory = {
  /** A single name, which the machine's root has not. */
  readonly name: string
  /** With names that differ. */
  readonly files: readonly StreamedFile[]
}

/** What an entry records of a reason. Bytes; format, section 11. */
const REASON_BYTES_MAX = 256
const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

/** Of a directory or file that exists in the snapshot alone: the owner's, and nobody else's. */
export function streamedStat(type: 'dir' | 'file', nowMs: number, size = 0): FileStat {
  const seconds = Math.floor(nowMs / 1000)
  const nanoseconds = (nowMs - seconds * 1000) * 1_000_000
  return {
    type,
    mode: type === 'dir' ? DIRECTORY_MODE : FILE_MODE,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    size,
    allocated: size,
    links: 1,
    inode: 0,
    device: 0,
    rdevMajor: 0,
    rdevMinor: 0,
    mtimeSec: seconds,
    mtimeNsec: nanoseconds,
    ctimeSec: seconds,
    ctimeNsec: nanoseconds,
  }
}

/** The entry, or why there is none. `former`: its entry in the parent snapshot, encoded. Throws what is not the stream's fault. */
export async function readStreamedFile(
  parts: StreamParts,
  { name, open }: StreamedFile,
  former: Uint8Array | undefined,
  nowMs: number,
): Promise<Entry | { readonly reason: string }> {
  const stream = { open: () => blocksOf(open(parts.signal)), reasonOf }
  const outcome = await storeStream(parts, stream, contentOfFile(former))
  if ('reason' in outcome) return outcome
  const { content, bytes } = outcome
  return { ...entryOf(name, streamedStat('file', nowMs, bytes), undefined), content }
}

async function* blocksOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<ContentBlock> {
  for await (const bytes of stream) yield { bytes }
}

/** The first code points that fit into so many bytes of UTF-8. */
function cutText(text: string, bytesMax: number): string {
  let bytes = 0
  let length = 0
  for (const character of text) {
    bytes += Buffer.byteLength(character)
    if (bytes > bytesMax) break
    length += character.length
  }
  return text.slice(0, length)
}

/** One line, as long as an entry can have it. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const [line = ''] = text.split('\n')
  const reason = line.trim() === '' ? 'it failed and does not say why' : line.trim()
  return cutText(reason, REASON_BYTES_MAX)
}
