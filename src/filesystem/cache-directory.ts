/**
 * Recognises directories whose owner marked them as caches (Cache Directory Tagging Specification,
 * bford.info/cachedir): a regular file `CACHEDIR.TAG` that begins with a fixed signature.
 */
import type { SourceFiles } from '../model/files.ts'
import { systemCode } from './system-error.ts'

const TAG_NAME = 'CACHEDIR.TAG'
const SIGNATURE = Buffer.from('Signature: 8a477f597d28d172789f06886806bc55', 'ascii')

/** False where the tag is missing, unreadable, a link or has another signature. */
export function isCacheDirectory(
  source: Pick<SourceFiles, 'open' | 'fstat' | 'read' | 'close'>,
  directoryPath: string,
): boolean {
  try {
    const fd = source.open(`${directoryPath}/${TAG_NAME}`)
    try {
      if (source.fstat(fd).type !== 'file') return false
      const head = Buffer.alloc(SIGNATURE.length)
      return source.read(fd, head, 0, head.length, 0) === head.length && head.equals(SIGNATURE)
    } finally {
      source.close(fd)
    }
  } catch (error) {
    if (systemCode(error) === '') throw error
    return false
  }
}
