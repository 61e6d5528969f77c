/** The local database: rows in and look-ups each second, beside a million chunks. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openManifest } from '../../src/manifest/open-manifest.ts'
import { CHUNK_ID_BYTES } from '../../src/model/ids.ts'
import { Seeded } from '../corpora/seeded.ts'
import { CHUNKS_OF_PACK, syntheticPack } from '../synthetic-packs.ts'
import { type Figure, milliseconds, perSecondOnce, ROUNDS } from './rounds.ts'

const PART = 'manifest'
const CHUNKS = 1_048_576
/** Packs that each round adds. */
const PACKS_OF_ROUND = 32
const LOOKUPS = 50_000
const ENTRIES_OF_TREE = 16
const TREES_OF_ROUND = 4_096
const RELIANCE = { run: 1, others: [], upTo: Number.MAX_SAFE_INTEGER }

export function manifest(scratch: string): Figure[] {
  const directory = mkdtempSync(join(scratch, 'manifest-'))
  try {
    return figuresAt(join(directory, 'manifest.db'))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function figuresAt(path: string): Figure[] {
  const random = new Seeded('manifest')
  const figures: Figure[] = []
  const known: Uint8Array[] = []
  {
    using database = openManifest(path)
    const addPack = (): void => {
      const table = syntheticPack(random)
      // Every pack is recorded by itself, as while a backup runs.
      database.packs.add({ ...table, state: 'live', trusted: true })
      known.push(table.segments[0]?.chunkIds ?? new Uint8Array(0))
    }
    for (let packs = 0; packs < CHUNKS / CHUNKS_OF_PACK; packs += 1) addPack()
    figures.push(
      perSecondOnce(PART, 'chunk inserts', 'rows/s', PACKS_OF_ROUND * CHUNKS_OF_PACK, () => {
        for (let packs = 0; packs < PACKS_OF_ROUND; packs += 1) addPack()
      }),
      ...lookups(database.chunks, known, random),
      perSecondOnce(PART, 'entry inserts', 'rows/s', TREES_OF_ROUND * ENTRIES_OF_TREE, () =>
        database.transaction(() => addEntries(database, random)),
      ),
    )
  }
  const values = Array.from({ length: ROUNDS }, () =>
    milliseconds(() => {
      using database = openManifest(path)
      database.meta.head()
    }),
  )
  return [...figures, { part: PART, name: 'opening, warm', unit: 'ms', values }]
}

type Database = ReturnType<typeof openManifest>

function lookups(chunks: Database['chunks'], known: readonly Uint8Array[], random: Seeded): Figure[] {
  const stored = Array.from({ length: LOOKUPS }, () => {
    const ids = known[random.below(known.length)] as Uint8Array
    const at = random.below(ids.length / CHUNK_ID_BYTES) * CHUNK_ID_BYTES
    return ids.subarray(at, at + CHUNK_ID_BYTES)
  })
  const absent = Array.from({ length: LOOKUPS }, () => {
    const id = new Uint8Array(CHUNK_ID_BYTES)
    random.fill(id)
    return id
  })
  return [
    perSecondOnce(PART, 'look-ups by id, stored', 'ids/s', LOOKUPS, () => {
      for (const id of stored) if (!chunks.knows(id, RELIANCE)) throw new Error('a stored chunk is known')
    }),
    perSecondOnce(PART, 'look-ups by id, absent', 'ids/s', LOOKUPS, () => {
      for (const id of absent) if (chunks.knows(id, RELIANCE)) throw new Error('an absent chunk is not known')
    }),
  ]
}

function addEntries({ trees, entries }: Database, random: Seeded): void {
  for (let count = 0; count < TREES_OF_ROUND; count += 1) {
    const id = new Uint8Array(CHUNK_ID_BYTES)
    random.fill(id)
    const tree = trees.add(id, null)
    for (let number = 0; number < ENTRIES_OF_TREE; number += 1)
      entries.add(tree, {
        name: Buffer.from(`a-file-${number}.txt`),
        type: 1,
        size: 10_000 + number,
        mtimeSec: 1_700_000_000 + number,
        mtimeNsec: 1,
        mode: 0o644,
        uid: 0,
        gid: 0,
        content: id.subarray(0, 16),
        child: null,
      })
  }
}
