/** Builds the parts of one thread's pipeline from what a thread is given. */
import { assert } from '../base/assert.ts'
import { timed } from '../base/trace.ts'
import { createChunker } from '../chunker/chunker.ts'
import { gearTable } from '../chunker/gear.ts'
import { createZstd } from '../codec/zstd.ts'
import { createChunkHasher } from '../crypto/blake3.ts'
import type { Manifest } from '../manifest/manifest.ts'
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
import type { CompressionMode, PipelineSetup, ScanTask, Task, TaskResult } from './tasks.ts'
import { TreeScanner } from './tree-scanner.ts'

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

/** What runs the tasks of one thread. Its parts are made when the first task needs them: where nothing has changed, nothing is cut or packed. */
export type ThreadPipeline = Disposable & {
  run(task: Task): TaskResult
  /** Closes what is open: all chunks of tasks done so far are in packs that have been handed over. Needs a source of bases that waits, or that has all. */
  flush(): void
  /** Where files have been stored that may have former versions. */
  readonly deltas: DeltaFiller | undefined
}

export type PipelinePorts = {
  readonly source: SourceFiles
  readonly nextTicket: () => PackTicket
  readonly onPack: (pack: CheckedPack) => void
  readonly bases: BaseSource
}

export function makePipeline(
  setup: PipelineSetup,
  { source, nextTicket, onPack, bases }: PipelinePorts,
): ThreadPipeline {
  let manifest: Manifest | undefined
  let filing: Filing | undefined
  let scanner: TreeScanner | undefined

  function openedManifest(): Manifest | undefined {
    if (setup.manifestPath === undefined) return undefined
    manifest ??= openManifest(setup.manifestPath, { readOnly: true })
    return manifest
  }

  function makeFiling(): Filing {
    const hasher = timed(createChunkHasher(setup.idKey), { hashInto: 'identify' })
    const zstd = timed(createZstd(), {
      compress: 'compress',
      compressWithDictionary: 'compress',
      decompress: 'decode bases',
    })
    const level = COMPRESSION_LEVELS[setup.compression]
    const { segmentBytes, recheck } = setup
    const filler = new PackFiller({
      zstd,
      hasher,
      level,
      segmentBytes,
      packBytes: setup.packBytes,
      recheck,
      nextTicket,
      // A fresh one each time: it takes memory as it fills, and no longer than until it is stored.
      nextBuffer: () => new Uint8Array(packBufferBytes(setup.packBytes)),
      onPack,
    })
    const known = openedManifest()
    const deltas =
      known === undefined || !setup.deltas || level === 0
        ? undefined
        : new DeltaFiller({
            zstd,
            hasher,
            level,
            segmentBytes,
            recheck,
            finder: new BaseFinder(known),
            source: bases,
            filler,
          })
    const files = new FilePipeline({
      source: timed(source, READING),
      chunker: timed(createChunker(gearTable(setup.gearSecret), WINDOW_BYTES), { cut: 'cut' }),
      hasher,
      seen: new SeenTable(setup.seen),
      knows: known === undefined ? () => false : (id) => known.chunks.knows(id, setup.reliance),
      filler,
      run: new DeltaRun((run) => (deltas === undefined ? addInFull(run, filler) : deltas.add(run))),
      params: setup.chunk,
      mediaParams: setup.media,
    })
    return { files, filler, deltas }
  }

  function scan(task: ScanTask): TaskResult {
    const opened = openedManifest()
    assert(opened !== undefined, 'who has a parent snapshot has a manifest')
    scanner ??= new TreeScanner(source, opened, setup.idKey)
    return scanner.scan(task)
  }

  return {
    run(task) {
      if (task.kind === 'scan') return scan(task)
      filing ??= makeFiling()
      const { files } = filing
      if (task.kind === 'files') return files.files(task)
      if (task.kind === 'contents') return files.contents(task)
      return task.kind === 'piece' ? files.piece(task) : files.block(task)
    },
    flush() {
      filing?.deltas?.flush()
      filing?.filler.flush()
    },
    get deltas() {
      return filing?.deltas
    },
    [Symbol.dispose]: () => manifest?.[Symbol.dispose](),
  }
}

type Filing = {
  readonly files: FilePipeline
  readonly filler: PackFiller
  readonly deltas: DeltaFiller | undefined
}
