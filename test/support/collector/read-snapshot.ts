/** All that a snapshot holds, as one digest: what a restore would write, without the writing. */
import { createHash } from 'node:crypto'
import { fileBytes } from '../../../src/ops/dump/file-bytes.ts'
import { list } from '../../../src/ops/list.ts'
import type { Repository } from '../../../src/repository/repository.ts'

/** `<path> <size> ` and the bytes of every file, in the order of their paths. */
export async function readSnapshot(repository: Repository, root: Uint8Array): Promise<string> {
  const files: { path: string; parts: Uint8Array[] }[] = []
  const ports = { progress: () => undefined, signal: new AbortController().signal }
  for await (const { path, entry } of list(repository, { root, path: '/', recursive: true }, ports)) {
    if (entry.type !== 'file') continue
    const parts: Uint8Array[] = [Buffer.from(`${path} ${entry.size} `)]
    for await (const part of fileBytes(repository.chunks, entry)) parts.push(part)
    files.push({ path, parts })
  }
  const digest = createHash('sha256')
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  for (const { parts } of files) for (const part of parts) digest.update(part)
  return digest.digest('hex')
}
