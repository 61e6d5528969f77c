/** A file that others read at any time: they find the former text or the new one, never a part. */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { systemPath } from '../../base/names.ts'
import { codeInWords, systemCode } from '../../filesystem/system-error.ts'
import { messageOf, SnapError } from '../../model/errors.ts'

/** For node_exporter, which is another user. */
const MODE = 0o644

/** The directory must be there. `TARGET_UNWRITABLE` where it cannot be written; what stood there stays then. */
export async function writeTextfile(path: string, text: string): Promise<void> {
  // Hidden, and not `.prom` at its end: the collector passes over it.
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}.tmp`)
  try {
    await writeWhole(temporary, text)
    await rename(systemPath(temporary), systemPath(path))
  } catch (cause) {
    await rm(systemPath(temporary), { force: true }).catch(() => undefined)
    const why = codeInWords(systemCode(cause)) || messageOf(cause)
    throw new SnapError('TARGET_UNWRITABLE', `the metrics cannot be written to ${path}: ${why}`, {
      hint: 'Check that the directory is there and may be written by this user.',
      cause,
    })
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  let handle: FileHandle | undefined
  try {
    handle = await open(systemPath(path), 'wx', MODE)
    await handle.chmod(MODE) // whatever the umask says
    await handle.writeFile(text)
    await handle.datasync()
  } finally {
    await handle?.close()
  }
}
