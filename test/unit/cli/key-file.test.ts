import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { writeKeyFile } from '../../../src/cli/repository.ts'
import { repositoryId } from '../../../src/model/ids.ts'
import { nodeStorageFs } from '../../../src/storage/node-storage-fs.ts'
import { scratchDirectory } from '../../support/storage/scratch.ts'

const ID = repositoryId('00112233445566778899aabbccddeeff')

it('never writes a key file over one that is there', async () => {
  const path = join(scratchDirectory(), 'keys', 'key')
  mkdirSync(dirname(path))
  writeFileSync(path, 'the only key of another repository')
  await expect(writeKeyFile(path, ID)).rejects.toMatchObject({ code: 'KEY_UNWRITABLE' })
  expect(readFileSync(path, 'utf8')).toBe('the only key of another repository')
})

it('makes a key file private, and its bytes, its name and those of its directories durable', async () => {
  const root = scratchDirectory()
  const path = join(root, 'config', 'keys', 'key')
  const probe = await open(root)
  const handle = Object.getPrototypeOf(probe)
  await probe.close()
  const syncFile = vi.spyOn(handle, 'sync')
  const syncDirectory = vi.spyOn(nodeStorageFs, 'fsyncDirectory')
  try {
    await writeKeyFile(path, ID)
    expect(syncFile).toHaveBeenCalledTimes(1)
    const synced = syncDirectory.mock.calls.map(([directory]) => directory)
    expect(synced).toEqual(expect.arrayContaining([root, join(root, 'config')]))
    expect(synced.at(-1)).toBe(dirname(path))
  } finally {
    vi.restoreAllMocks()
  }
  expect(statSync(path).mode & 0o777).toBe(0o600)
})
