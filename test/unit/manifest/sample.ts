/** Values for the manifest's tests: made from a seed, so that a failure repeats. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Reliance } from '../../../src/manifest/chunks-table.ts'
import type { NewPack } from '../../../src/manifest/packs-table.ts'
import type { SnapshotRow } from '../../../src/manifest/snapshots-table.ts'
import { type PackId, packId, seriesId, snapshotId } from '../../../src/model/ids.ts'
import type { SegmentRow } from '../../../src/model/pack-table.ts'

export const hash = (text: string): Uint8Array => createHash('sha256').update(text).digest()
export const hexId = (text: string): string => Buffer.from(hash(text)).toString('hex', 0, 16)
/** Relies on what any run has stored. */
export const LAST_RUN: Reliance = { run: 1_000, others: [], upTo: 1_000_000 }
export const bytes = (text: string): Uint8Array => Buffer.from(text)

/** Chunk `name` has the id hash(name); each is `length` long. */
export function segment(
  names: readonly string[],
  length = 100,
  depth = 0,
  bases: readonly string[] = [],
): SegmentRow {
  return {
    sealed: names.length * length + 48,
    plain: names.length * length,
    depth,
    bases: Buffer.concat(bases.map(hash)),
    chunkLengths: new Uint32Array(names.length).fill(length),
    chunkIds: Buffer.concat(names.map(hash)),
  }
}

export function pack(name: string, segments: readonly SegmentRow[], more: Partial<NewPack> = {}): NewPack {
  return { id: packNamed(name), kind: 'data', bytes: 4096, state: 'live', trusted: true, segments, ...more }
}

export const packNamed = (name: string): PackId => packId(hexId(name))

export function snapshot(name: string, more: Partial<SnapshotRow> = {}): SnapshotRow {
  return {
    id: snapshotId(hexId(name)),
    number: 1,
    series: seriesId(hexId('series')),
    timeMs: 1_000,
    host: 'laptop',
    user: 'ada',
    paths: ['/home/ada'],
    tags: [],
    label: null,
    root: hash('root'),
    rootTree: null,
    summary: { files: 3 },
    details: { program: 'snap' },
    forgottenMs: null,
    held: false,
    committedMs: 1_000,
    ...more,
  }
}

/** A directory of its own for one test, removed with all that is in it. */
export class ScratchDirectory implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), 'snap-manifest-'))

  /** The manifest's place: two directories that do not exist yet. */
  get file(): string {
    return join(this.path, 'cache', 'repository', 'manifest.db')
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
