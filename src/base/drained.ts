/** Waiting until a stream takes more. Knows nothing of what is written. */
import { once } from 'node:events'
import type { Writable } from 'node:stream'

/** Returns when it takes more, or has ended; throws what it fails with. Leaves no listener behind, however often it is called. */
export async function drained(stream: Writable): Promise<void> {
  if (stream.destroyed || !stream.writableNeedDrain) return
  const ended = new AbortController()
  const { signal } = ended
  try {
    await Promise.race([once(stream, 'drain', { signal }), once(stream, 'close', { signal })])
  } finally {
    ended.abort()
  }
}
