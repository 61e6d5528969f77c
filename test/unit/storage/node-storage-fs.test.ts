import type * as NodeFs from 'node:fs'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, it, vi } from 'vitest'
import { createLocalDirectory } from '../../../src/storage/local-directory.ts'
import { nodeStorageFs } from '../../../src/storage/node-storage-fs.ts'
import { text } from '../../contract/storage.ts'
import { scratchDirectory } from '../../support/storage/scratch.ts'

const synced = vi.hoisted((): { isDirectory: boolean }[] => [])

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof NodeFs>()
  const fsync = (fd: number, done: (error: Error | null) => void): void => {
    synced.push({ isDirectory: fs.fstatSync(fd).isDirectory() })
    fs.fsync(fd, done)
  }
  return { ...fs, fsync }
})

beforeEach(() => {
  synced.length = 0
})

it('asks the system to sync the bytes of a file and the names of a directory', async () => {
  const directory = scratchDirectory()
  const fd = await nodeStorageFs.createFile(join(directory, 'file'))
  await nodeStorageFs.fsync(fd)
  await nodeStorageFs.close(fd)
  expect(synced).toEqual([{ isDirectory: false }])
  await nodeStorageFs.fsyncDirectory(directory)
  expect(synced).toEqual([{ isDirectory: false }, { isDirectory: true }])
})

it('makes new files alone: it follows no link and opens no file that is there', async () => {
  const root = scratchDirectory()
  const outside = join(scratchDirectory(), 'outside')
  writeFileSync(outside, 'theirs')
  const storage = await createLocalDirectory(root, {
    random: { bytes: (count) => new Uint8Array(count) },
    processes: { own: undefined, stateOf: () => 'unknown' },
  })
  mkdirSync(join(root, 'tmp'))
  symlinkSync(outside, join(root, 'tmp', '0'.repeat(32)))
  await expect(storage.put('packs/3f/aa', [text('ours')])).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
  expect(readFileSync(outside, 'utf8')).toBe('theirs')
})
