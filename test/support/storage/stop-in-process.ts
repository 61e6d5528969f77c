/** A program of its own: `stop-in-process <directory>` stores an object, and stops before the temporary file gets its name. */
import { openLocalDirectory } from '../../../src/storage/local-directory.ts'
import { nodeStorageFs } from '../../../src/storage/node-storage-fs.ts'

const [directory = ''] = process.argv.slice(2)
const rename = (): Promise<void> => {
  process.stdout.write('written\n')
  return new Promise(() => setInterval(() => undefined, 1_000))
}
await openLocalDirectory(directory, { fs: { ...nodeStorageFs, rename } }).put('packs/3f/aa', [
  new Uint8Array(1_000),
])
