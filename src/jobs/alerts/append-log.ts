/** A message as a line of JSON at the end of a file. */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeDirectory } from '../../base/make-directory.ts'
import { systemPath } from '../../base/names.ts'
import { codeInWords, systemCode } from '../../filesystem/system-error.ts'
import { messageOf } from '../../model/errors.ts'
import type { Message } from './message.ts'

const { O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY } = constants
/** Without waiting where the path is a FIFO that nobody reads. */
const FLAGS = O_APPEND | O_CREAT | O_WRONLY | (O_NONBLOCK ?? 0)
const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

/** On the disk when it resolves. The file and the directories above it are made where they are missing, for their owner alone. */
export async function appendLog(path: string, { fields }: Message): Promise<void> {
  try {
    makeDirectory(dirname(path), DIRECTORY_MODE)
    await using file = await opened(path)
    await file.handle.appendFile(`${JSON.stringify(fields)}\n`)
    await file.handle.datasync()
  } catch (cause) {
    throw new Error(`${path} cannot be written: ${codeInWords(systemCode(cause)) || messageOf(cause)}`, {
      cause,
    })
  }
}

async function opened(
  path: string,
): Promise<AsyncDisposable & { readonly handle: Awaited<ReturnType<typeof open>> }> {
  const handle = await open(systemPath(path), FLAGS, FILE_MODE)
  return { handle, [Symbol.asyncDispose]: () => handle.close() }
}
