/** Builds the parts of one thread's pipeline from what a thread is given. */
import { createChunker } from '../chunker/chunker.ts'
import { gearTable } from '../chunker/gear.ts'
import { createZstd } from '../codec/zstd.ts'
import { createChunkHasher } from '../crypto/blake3.ts'
import { openManifest } from '../manifest/open-manifest.ts'
import type { SourceFiles } from '../model/files.ts'
import type { PackTicket } from '../pack/pack-header.ts'
import { packBufferBytes } from '../pack/pack-writer.ts'
import { FilePipeline } from './file-pipeline.ts'
import { type CheckedPack, PackFiller } from './pack-filler.ts'
import { SeenTable } from './seen-table.ts'
import type { CompressionMode, PipelineSetup } from './tasks.ts'

/** Two of the largest chunks, so that cutting seldom scans a tail twice, and still within the L2 cache of most processors. */
const WINDOW_BYTES = 2 * 1024 * 1024

/** zstd levels. */
export const COMPRESSION_LEVELS: Readonly<Record<CompressionMode, number>> = {
  off: 0,
  fast: 1,
  auto: 3,
  max: 15,
}

export type ThreadPipeline = Disposable & {
  readonly files: FilePipeline
  readonly filler: PackFiller
}

export function makePipeline(
  setup: PipelineSetup,
  source: SourceFiles,
  nextTicket: () => PackTicket,
  spareBuffers: Uint8Array<ArrayBuffer>[],
  onPack: (pack: CheckedPack) => void,
): ThreadPipeline {
  const hasher = createChunkHasher(setup.idKey)
  const filler = new PackFiller({
    zstd: createZstd(),
    hasher,
    level: COMPRESSION_LEVELS[setup.compression],
    segmentBytes: setup.segmentBytes,
    packBytes: setup.packBytes,
    recheck: setup.recheck,
    nextTicket,
    nextBuffer: () => spareBuffers.pop() ?? new Uint8Array(packBufferBytes(setup.packBytes)),
    onPack,
  })
  const manifest =
    setup.manifestPath === undefined ? undefined : openManifest(setup.manifestPath, { readOnly: true })
  const files = new FilePipeline({
    source,
    chunker: createChunker(gearTable(setup.gearSecret), WINDOW_BYTES),
    hasher,
    seen: new SeenTable(setup.seen),
    knows: manifest === undefined ? () => false : (id) => manifest.chunks.knows(id, setup.reliance),
    filler,
    params: setup.chunk,
    mediaParams: setup.media,
  })
  return { files, filler, [Symbol.dispose]: () => manifest?.[Symbol.dispose]() }
}
