/** Builds the parts of one thread's pipeline from what a thread is given. */
import { timed } from '../base/trace.ts'
import { createChunker } from '../chunker/chunker.ts'
import { gearTable } from '../chunker/gear.ts'
import { createZstd } from '../codec/zstd.ts'
import { createChunkHasher } from '../crypto/blake3.ts'
import { openManifest } from '../manifest/open-manifest.ts'
import type { SourceFiles } from '../model/files.ts'
import type { PackTicket } from '../pack/pack-header.ts'
import { packBufferBytes } from '../pack/pack-writer.ts'
import { BaseFinder } from './base-finder.ts'
import type { BaseSource } from './bases.ts'
import { addInFull, DeltaFiller } from './delta-filler.ts'
import { DeltaRun } from './delta-run.ts'
import { FilePipeline } from './file-pipeline.ts'
import { type CheckedPack, PackFiller } from './pack-filler.ts'
import { SeenTable } from './seen-table.ts'
import type { CompressionMode, PipelineSetup } from './tasks.ts'

/** Two of the largest chunks, so that cutting seldom scans a tail twice, and still within the L2 cache of most processors. */
const WINDOW_BYTES = 2 * 1024 * 1024

/** What of a source counts as reading it, in a trace. */
const READING = {
  open: 'open and close',
  close: 'open and close',
  fstat: 'stat and attributes',
  fxattrs: 'stat and attributes',
  dataExtents: 'read',
  read: 'read',
} as const

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
  /** Before the packs' filler is flushed, this is. */
  readonly deltas: DeltaFiller | undefined
}

export type PipelinePorts = {
  readonly source: SourceFiles
  readonly nextTicket: () => PackTicket
  /** Given back; taken from. */
  readonly spareBuffers: Uint8Array<ArrayBuffer>[]
  readonly onPack: (pack: CheckedPack) => void
  readonly bases: BaseSource
}

export function makePipeline(
  setup: PipelineSetup,
  { source, nextTicket, spareBuffers, onPack, bases }: PipelinePorts,
): ThreadPipeline {
  const hasher = timed(createChunkHasher(setup.idKey), { hashInto: 'identify' })
  const zstd = timed(createZstd(), {
    compress: 'compress',
    compressWithDictionary: 'compress',
    decompress: 'decode bases',
  })
  const level = COMPRESSION_LEVELS[setup.compression]
  const filler = new PackFiller({
    zstd,
    hasher,
    level,
    segmentBytes: setup.segmentBytes,
    packBytes: setup.packBytes,
    recheck: setup.recheck,
    nextTicket,
    nextBuffer: () => spareBuffers.pop() ?? new Uint8Array(packBufferBytes(setup.packBytes)),
    onPack,
  })
  const manifest =
    setup.manifestPath === undefined ? undefined : openManifest(setup.manifestPath, { readOnly: true })
  const deltas =
    manifest === undefined || !setup.deltas || level === 0
      ? undefined
      : new DeltaFiller({
          zstd,
          hasher,
          level,
          segmentBytes: setup.segmentBytes,
          recheck: setup.recheck,
          finder: new BaseFinder(manifest),
          source: bases,
          filler,
        })
  const files = new FilePipeline({
    source: timed(source, READING),
    chunker: timed(createChunker(gearTable(setup.gearSecret), WINDOW_BYTES), { cut: 'cut' }),
    hasher,
    seen: new SeenTable(setup.seen),
    knows: manifest === undefined ? () => false : (id) => manifest.chunks.knows(id, setup.reliance),
    filler,
    run: new DeltaRun((run) => (deltas === undefined ? addInFull(run, filler) : deltas.add(run))),
    params: setup.chunk,
    mediaParams: setup.media,
  })
  return { files, filler, deltas, [Symbol.dispose]: () => manifest?.[Symbol.dispose]() }
}
