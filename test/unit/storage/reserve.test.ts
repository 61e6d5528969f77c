import { describe, expect, it } from 'vitest'
import { createLocalDirectory } from '../../../src/storage/local-directory.ts'
import type { StorageFs } from '../../../src/storage/storage-fs.ts'
import { REPOSITORY } from '../../support/storage/power-check.ts'
import { RecordingMachine } from '../../support/storage/recording-fs.ts'

const RESERVE_BYTES = 524_288

describe('the reserve of a local directory', () => {
  it('has its blocks on the disk when it is secured, and once only', async () => {
    const machine = new RecordingMachine()
    const storage = await createLocalDirectory(REPOSITORY, { fs: machine.process() })
    await storage.secureReserve()
    const reserve = machine.disk.find(`${REPOSITORY}/tmp/reserve`, 'stat')
    expect(reserve.kind === 'file' ? reserve.durable.length : 0).toBe(RESERVE_BYTES)
    const operations = machine.journal.length
    await storage.secureReserve()
    expect(machine.journal.length).toBe(operations)
  })

  it('is smaller where there is no room for all of it', async () => {
    const machine = new RecordingMachine()
    const process = machine.process()
    let left = 0
    const fs: StorageFs = {
      ...process,
      createFile: (path) => {
        left = 300_000
        return process.createFile(path)
      },
      writev: async (fd, parts) => {
        left -= parts.reduce((sum, { length }) => sum + length, 0)
        if (left < 0) throw Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' })
        return await process.writev(fd, parts)
      },
    }
    const storage = await createLocalDirectory(REPOSITORY, { fs })
    await storage.secureReserve()
    const reserve = machine.disk.find(`${REPOSITORY}/tmp/reserve`, 'stat')
    expect(reserve.kind === 'file' ? reserve.durable.length : 0).toBe(RESERVE_BYTES / 2)
  })

  it('is gone when it was given free, and can be secured again', async () => {
    const machine = new RecordingMachine()
    const storage = await createLocalDirectory(REPOSITORY, { fs: machine.process() })
    await storage.secureReserve()
    await storage.releaseReserve()
    expect(machine.disk.directory(`${REPOSITORY}/tmp`, 'list').names.size).toBe(0)
    await storage.secureReserve()
    expect([...machine.disk.directory(`${REPOSITORY}/tmp`, 'list').names.keys()]).toEqual(['reserve'])
  })
})
