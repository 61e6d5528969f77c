/** What is measured at each size: real small files, and the structure of repositories of many chunks. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { oneBig } from '../corpora/big-files.ts'
import { Text } from '../corpora/material.ts'
import { Seeded } from '../corpora/seeded.ts'
import { type Measured, measured } from '../measured.ts'
import { bytesOf, filesBelow } from '../run-trial.ts'
import { keyFileOf, snapBy, snapOn } from '../tools/snap.ts'
import type { Command, Place } from '../tools/tool.ts'
import { commitSynthetic } from './synthetic-snapshot.ts'

const FILES_OF_DIRECTORY = 100
const FILE_BYTES_MAX = 2_000
/** Of what is backed up beside the synthetic chunks. */
const BACKUP_BYTES = 1e9
/** What `oneBig` makes at its usual size. */
const ONE_BIG_BYTES = 2_048 * 1_048_576

export interface ScaleStep extends Measured {
  readonly step: string
}

/** One size, once through. */
export interface ScaleRun {
  readonly size: number
  readonly steps: readonly ScaleStep[]
  /** Of the local database, after the last step. */
  readonly manifestBytes: number
}

const snap = snapBy(process.execPath, '.')

/** A first backup of so many files, an unchanged one, a restore, a verify and a prune. */
export function filesRun(place: string, files: number): ScaleRun {
  const paths = placesIn(place)
  writeSmallFiles(paths.source, files)
  measured(snap.init(paths), paths.cache)
  const run = { name: 'scale', previous: undefined }
  return finished(files, paths, [
    timed('first backup', snap.backup(paths, { ...run, kind: 'first' }), paths),
    timed('unchanged', snap.backup(paths, { ...run, kind: 'unchanged' }), paths),
    timed('restore', snap.restore(paths, join(place, 'target')), paths),
    timed('verify all data', snap.verify(paths), paths),
    timed('forget and prune', snap.prune(paths), paths),
  ])
}

/** A repository that holds so many chunks already. `scale`: of the backup into it, 1 for 1 GB. */
export async function chunksRun(place: string, chunks: number, scale: number): Promise<ScaleRun> {
  const paths = placesIn(place)
  measured(snap.init(paths), paths.cache)
  await commitSynthetic({ ...paths, keyFile: keyFileOf(paths.repo) }, chunks)
  oneBig.make(paths.source, { scale: scale * (BACKUP_BYTES / ONE_BIG_BYTES), trees: [] })
  const run = { name: 'scale', previous: undefined }
  const on = snapOn(process.execPath, '.', paths)
  return finished(chunks, paths, [
    timed('open, warm manifest', snap.list(paths), paths),
    timed(
      `backup of ${(scale * BACKUP_BYTES) / 1e6} MB`,
      snap.backup(paths, { ...run, kind: 'first' }),
      paths,
    ),
    timed('unchanged', snap.backup(paths, { ...run, kind: 'unchanged' }), paths),
    timed('verify the structure', [...on, 'verify'], paths),
    timed('plan a prune', [...on, 'prune', '--dry-run'], paths),
  ])
}

function placesIn(place: string): Place {
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place, { recursive: true })
  return { repo: join(place, 'repo'), cache: join(place, 'cache'), source: join(place, 'source') }
}

function timed(step: string, command: Command | undefined, { cache }: Place): ScaleStep {
  if (command === undefined) throw new Error(`snap has the step: ${step}`)
  return { step, ...measured(command, cache) }
}

function finished(size: number, { cache }: Place, steps: readonly ScaleStep[]): ScaleRun {
  return { size, steps, manifestBytes: bytesOf(filesBelow(cache)) }
}

function writeSmallFiles(root: string, files: number): void {
  const random = new Seeded('small files')
  const text = new Text(random)
  const buffer = new Uint8Array(FILE_BYTES_MAX)
  for (let file = 0; file < files; file += 1) {
    const number = Math.floor(file / FILES_OF_DIRECTORY)
    const directory = join(root, `part-${number % FILES_OF_DIRECTORY}`, `d${number}`)
    if (file % FILES_OF_DIRECTORY === 0) mkdirSync(directory, { recursive: true })
    const content = buffer.subarray(0, 1 + random.below(FILE_BYTES_MAX))
    text.fill(content)
    writeFileSync(join(directory, `f${file}`), content)
  }
}
