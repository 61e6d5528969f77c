/** Takes one tool once through the steps of a trial. */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { Seeded } from './corpora/seeded.ts'
import { type Measured, measured } from './measured.ts'
import type { RunResult, StepResult } from './result.ts'
import type { Command, Place, Tool } from './tools/tool.ts'
import type { Step } from './trials.ts'

export interface TrialRun {
  readonly tool: Tool
  readonly steps: readonly Step[]
  /** One directory for each version, oldest first; a version is moved to the source while it is backed up. */
  readonly versions: readonly string[]
  /** A directory on the file system of the versions, made and removed here. */
  readonly place: string
}

/** Regular files below a directory, with their paths, in an order that is always the same. */
export function filesBelow(directory: string): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

export const bytesOf = (paths: readonly string[]): number =>
  paths.reduce((sum, path) => sum + statSync(path).size, 0)

export function runTrial({ tool, steps, versions, place }: TrialRun): RunResult {
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place, { recursive: true })
  const paths: Place = {
    repo: join(place, 'repo'),
    cache: join(place, 'cache'),
    source: join(place, 'source'),
  }
  const target = join(place, 'target')
  measured(tool.init(paths), paths.cache)
  const results: StepResult[] = []
  let version = 0
  for (const step of steps) {
    const { does } = step
    let taken: Measured | undefined
    if (does.kind === 'backup') {
      if (does.of === 'next') version += 1
      const directory = versions[version]
      if (directory === undefined) continue
      renameSync(directory, paths.source)
      try {
        const run = { kind: does.of, name: step.name.replaceAll(' ', '-'), previous: versions[version - 1] }
        taken = timed(tool.backup(paths, run), paths)
      } finally {
        renameSync(paths.source, directory)
      }
    } else if (does.kind === 'restore') {
      const last = versions[version] as string
      taken = timed(tool.restore({ ...paths, source: last }, target), paths)
    } else if (does.kind === 'restoreAgain') {
      changeOneInHundred(target)
      taken = timed(tool.restoreAgain(paths, target), paths)
    } else if (does.kind === 'find') taken = timed(tool.find(paths, does.pattern), paths)
    else taken = timed(tool[does.kind](paths), paths)
    if (taken === undefined) continue
    const isStoring = does.kind === 'backup' || does.kind === 'prune'
    results.push({
      step: step.name,
      ...taken,
      ...(isStoring ? { storedBytes: bytesOf(filesBelow(paths.repo)) } : {}),
    })
  }
  rmSync(place, { recursive: true, force: true })
  return results
}

const timed = (command: Command | undefined, { cache }: Place) =>
  command === undefined ? undefined : measured(command, cache)

/** Of many files one in a hundred is overwritten; of a single one, a block in every hundred. */
function changeOneInHundred(target: string): void {
  const random = new Seeded('changed')
  const files = filesBelow(target)
  if (files.length < 100) {
    for (const path of files) changeBlocks(path, random)
    return
  }
  for (const path of files)
    if (random.below(100) === 0) writeFileSync(path, `changed ${random.below(2 ** 32)}\n`)
}

const BLOCK_BYTES = 4_096

function changeBlocks(path: string, random: Seeded): void {
  const block = new Uint8Array(BLOCK_BYTES)
  const blocks = Math.floor(statSync(path).size / BLOCK_BYTES)
  const fd = openSync(path, 'r+')
  for (let changed = 0; changed < blocks / 100; changed += 1) {
    random.fill(block)
    writeSync(fd, block, 0, BLOCK_BYTES, random.below(blocks) * BLOCK_BYTES)
  }
  closeSync(fd)
}
