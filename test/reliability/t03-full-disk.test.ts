/**
 * T3, the real thing: the disk of the repository, and then that of repository and cache, is full to the last byte. A backup says so;
 * `snap prune` frees space, from what it keeps back for that, and everything works again.
 */
import { closeSync, existsSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Figures } from '../support/figures.ts'
import { Sandbox } from '../support/snap.ts'
import { smallFileSystem } from '../support/storage/scratch.ts'
import { rsyncDifferences, writeLarge, writeTree } from '../support/tree.ts'

const figures = new Figures('T3', import.meta.url)

const MIB = 1_048_576
const DISK_BYTES = 64 * MIB
const RESERVE_BYTES = 524_288

/** Until not one more byte is taken. */
function fill(path: string): void {
  const fd = openSync(path, 'w')
  try {
    for (let piece = MIB; piece >= 1; ) {
      try {
        if (writeSync(fd, Buffer.alloc(piece, 1)) === 0) piece = Math.floor(piece / 2)
      } catch {
        piece = Math.floor(piece / 2)
      }
    }
  } finally {
    closeSync(fd)
  }
}

const freeBytes = (path: string): number => {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

/** Mounting needs root: elsewhere this says that it was not tried. */
function mounted(): string | undefined {
  try {
    return smallFileSystem(DISK_BYTES)
  } catch {
    figures.measure({
      name: 'full disks that could not be tried, for mounting one needs root',
      value: 1,
      unit: '',
    })
    return undefined
  }
}

const box = new Sandbox()
const source = box.path('source')

it.each([
  { what: 'the repository', withCache: false },
  { what: 'repository and cache', withCache: true },
])('a full disk of $what is told, and pruning frees space on it', async ({ what, withCache }) => {
  const disk = mounted()
  if (disk === undefined) return
  const repository = join(disk, 'repository')
  const reserve = join(repository, 'tmp', 'reserve')
  const cache = withCache ? join(disk, 'cache') : box.path(`cache of ${what}`)
  const keyFile = box.path(`key of ${what}`)
  const env = { SNAP_REPOSITORY: repository, SNAP_CACHE_DIR: cache, SNAP_KEY_FILE: keyFile }
  await box.ok(['init', '--key-file', keyFile], { env: { ...env, SNAP_KEY_FILE: undefined } })

  writeTree(source, {})
  writeLarge(join(source, 'old.bin'), 16 * MIB, 1_000)
  await box.ok(['backup', source], { env })
  rmSync(join(source, 'old.bin'))
  writeLarge(join(source, 'new.bin'), 8 * MIB, 2_000)
  await box.ok(['backup', source], { env })
  const [first] = await box.snapshots([], { env })
  await box.ok(['forget', first.id], { env })
  expect(statSync(reserve).size).toBe(RESERVE_BYTES)
  fill(join(disk, 'filler'))
  expect(freeBytes(disk)).toBe(0)

  writeLarge(join(source, 'more.bin'), 4 * MIB, 3_000)
  const failed = await box.run(['backup', source], { env })
  expect(failed.status, failed.stderr).not.toBe(0)
  expect(failed.stderr).toMatch(/no space|full/i)
  expect(failed.stderr).not.toMatch(/more\.bin/)

  await box.ok(['prune', '--undelete-window', '0'], { env })
  const freed = freeBytes(disk)
  expect(freed).toBeGreaterThan(14 * MIB)
  expect(existsSync(reserve) && statSync(reserve).size).toBe(RESERVE_BYTES)
  await box.ok(['backup', source], { env })
  const verified = await box.summary(['verify', '--data'], { env })
  expect(verified.damaged_objects).toBe(0)
  const target = box.path(`restored from ${what}`)
  await box.ok(['restore', `latest:${source}`, '--path', source, '--target', target], { env })
  expect(rsyncDifferences(source, target)).toEqual([])
  figures.record({
    tried: `disks of ${what}, full to the last byte, on which pruning had to free space`,
    count: 1,
    wrongly: 'that stayed full, or on which something was lost',
    wrong: 0,
    target: { count: 1, wrong: 0 },
  })
  rmSync(source, { recursive: true })
})
