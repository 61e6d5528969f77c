/**
 * Commits a snapshot of any number of chunks to a repository without having their data: packs are sparse files of the right
 * size, while their tables, index objects, directories, manifest and log entry are made by the program's own parts. Nothing
 * of it can be restored; all that looks at structure alone finds it whole.
 */
import { readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { hash } from '../../src/crypto/blake3.ts'
import { systemRandom } from '../../src/crypto/random.ts'
import { createSourceFiles } from '../../src/filesystem/source-files.ts'
import { decodeKeyFile } from '../../src/keys/key-file.ts'
import { CHUNK_ID_BYTES } from '../../src/model/ids.ts'
import type { PackTable } from '../../src/model/pack-table.ts'
import { packKey } from '../../src/object/object-keys.ts'
import { openRepository } from '../../src/repository/open-repository.ts'
import { WriteSession } from '../../src/repository/write-session.ts'
import { CHUNK_ITEM, CHUNK_ITEM_BYTES, type Content } from '../../src/snapshot/content.ts'
import { type Entry, encodeEntry } from '../../src/snapshot/entry.ts'
import { seriesOf } from '../../src/snapshot/series.ts'
import { encodeTree, treeId } from '../../src/snapshot/tree.ts'
import { openLocalDirectory } from '../../src/storage/local-directory.ts'
import type { Executor, ExecutorPorts } from '../../src/workers/executor.ts'
import { Seeded } from '../corpora/seeded.ts'
import { CHUNK_BYTES, CHUNKS_OF_PACK, syntheticPack } from '../synthetic-packs.ts'

const CHUNKS_OF_FILE = 64
const TIME_SEC = 1_700_000_000

export interface Places {
  readonly repo: string
  readonly cache: string
  readonly keyFile: string
}

/** One directory for each pack, whose chunks are the files of that directory. */
export async function commitSynthetic({ repo, cache, keyFile }: Places, chunks: number): Promise<void> {
  const clock = { now: () => Date.now() }
  const { secret } = decodeKeyFile(readFileSync(keyFile, 'utf8'))
  await using repository = await openRepository(
    { storage: openLocalDirectory(repo), cacheDirectory: cache, clock, random: systemRandom },
    { kind: 'key file', secret },
  )
  let ports: ExecutorPorts | undefined
  const write = {
    compression: 'auto' as const,
    recheck: true,
    deltas: false,
    executor: (_setup: unknown, given: ExecutorPorts) => {
      ports = given
      return idle
    },
  }
  await using session = await WriteSession.begin(repository, write, createSourceFiles())
  const random = new Seeded('scale')
  const { idKey } = repository.keys
  const directory = (entries: readonly Uint8Array[]): Content => {
    const bytes = encodeTree([], entries)
    const content = session.contents.bytes(bytes)
    session.recorder.add(treeId(idKey, content), bytes)
    return content
  }
  const directories: Uint8Array[] = []
  for (let number = 0; number < Math.ceil(chunks / CHUNKS_OF_PACK); number += 1) {
    const table = await storePack(ports as ExecutorPorts, repo, random)
    const content = directory(filesOf(table))
    directories.push(encodeEntry(entry(nameOf('d', number), 'dir', 0, content)))
  }
  const data = encodeEntry(entry('synthetic', 'dir', 0, directory(directories)))
  await session.commit({
    series: seriesOf(idKey, 'synthetic', { job: 'scale' }),
    time: TIME_SEC * 1_000,
    root: directory([data]),
    details: {
      hostname: 'synthetic',
      username: 'bench',
      paths: ['/synthetic'],
      tags: [],
      program: { name: 'bench', version: '0' },
      excludes: [],
      incomplete: false,
      unreadable: [],
      summary: {},
    },
  })
}

/** Takes no tasks: packs are stored past it. */
const idle: Executor = {
  parallel: 1,
  scanners: 0,
  run: () => Promise.reject(new Error('there are no tasks')),
  flush: async () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
}

async function storePack({ ticket, store }: ExecutorPorts, repo: string, random: Seeded): Promise<PackTable> {
  const { id, header: bytes } = ticket()
  const table = syntheticPack(random, id)
  await store({ bytes: Uint8Array.from(bytes), table, digest: hash(bytes) })
  truncateSync(join(repo, packKey(id)), table.bytes)
  return table
}

function filesOf({ segments }: PackTable): Uint8Array[] {
  const ids = Buffer.concat(segments.map(({ chunkIds }) => chunkIds))
  return Array.from({ length: CHUNKS_OF_PACK / CHUNKS_OF_FILE }, (_, file) => {
    const items = new Uint8Array(CHUNKS_OF_FILE * CHUNK_ITEM_BYTES)
    for (let chunk = 0; chunk < CHUNKS_OF_FILE; chunk += 1) {
      const from = (file * CHUNKS_OF_FILE + chunk) * CHUNK_ID_BYTES
      items[chunk * CHUNK_ITEM_BYTES] = CHUNK_ITEM
      items.set(ids.subarray(from, from + CHUNK_ID_BYTES), chunk * CHUNK_ITEM_BYTES + 1)
    }
    const bytes = CHUNKS_OF_FILE * CHUNK_BYTES
    return encodeEntry(entry(nameOf('f', file), 'file', bytes, { levels: 0, items }))
  })
}

const nameOf = (kind: string, number: number) => `${kind}${number.toString().padStart(8, '0')}`

const entry = (name: string, type: 'dir' | 'file', size: number, content: Content): Entry => ({
  name,
  type,
  mode: type === 'dir' ? 0o755 : 0o644,
  uid: 0,
  gid: 0,
  size,
  mtimeSec: TIME_SEC,
  mtimeNsec: 0,
  ctimeSec: TIME_SEC,
  ctimeNsec: 0,
  inode: 1,
  content,
})
