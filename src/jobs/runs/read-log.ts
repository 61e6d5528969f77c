/** The lines of a run's log, as they are, and as they come. */
import { open } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { codeInWords, systemCode } from '../../filesystem/system-error.ts'
import { messageOf, SnapError } from '../../model/errors.ts'

const POLL_MS = 250
const BYTES_AT_ONCE = 65_536

/** Goes on while `isRunning`. `STATE_FAILED` where the file is not there or cannot be read. */
export async function* readLog(
  path: string,
  isRunning: () => boolean,
  signal: AbortSignal,
): AsyncGenerator<string> {
  try {
    await using file = await open(path, 'r')
    const decoder = new TextDecoder()
    const buffer = Buffer.alloc(BYTES_AT_ONCE)
    let rest = ''
    // Asked before reading: what was written before it ended is read still.
    for (let goesOn = true; goesOn; ) {
      goesOn = isRunning()
      for (;;) {
        signal.throwIfAborted()
        const { bytesRead } = await file.read(buffer, 0, BYTES_AT_ONCE)
        if (bytesRead === 0) break
        const lines = (rest + decoder.decode(buffer.subarray(0, bytesRead), { stream: true })).split('\n')
        rest = lines.pop() ?? ''
        yield* lines
      }
      if (goesOn) await wait(POLL_MS, undefined, { signal })
    }
    if (rest !== '') yield rest
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof SnapError) throw cause
    const why = codeInWords(systemCode(cause)) || messageOf(cause)
    throw new SnapError('STATE_FAILED', `the log ${path} cannot be read: ${why}`, {
      hint: 'Logs are kept for a while only: `history: keep-logs` says how long.',
      cause,
    })
  }
}
