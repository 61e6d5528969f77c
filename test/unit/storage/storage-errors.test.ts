import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hasCode } from '../../../src/model/errors.ts'
import { createLocalDirectory, openLocalDirectory } from '../../../src/storage/local-directory.ts'
import { systemProcesses } from '../../../src/storage/processes.ts'
import { pattern, text } from '../../contract/storage.ts'
import { faultyFs } from '../../support/storage/faulty-fs.ts'
import { bytesFor } from '../../support/storage/power-check.ts'
import { RecordingMachine } from '../../support/storage/recording-fs.ts'
import { scratchDirectory, smallFileSystem } from '../../support/storage/scratch.ts'

const MIB = 1_048_576
const NOBODY = 65_534

async function keys(storage: ReturnType<typeof openLocalDirectory>): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of storage.list('')) found.push(key)
  return found.sort()
}

/** Runs as a user whom permissions bind; they do not bind root. */
async function asNobody<T>(run: () => Promise<T>): Promise<T> {
  process.seteuid!(NOBODY)
  try {
    return await run()
  } finally {
    process.seteuid!(0)
  }
}

describe('a full disk', () => {
  it('is reported as such, leaves nothing in part, and works again when there is space', async () => {
    const path = smallFileSystem(4 * MIB)
    const storage = await createLocalDirectory(join(path, 'repository'))
    await storage.put('packs/3f/aa', [pattern(2 * MIB, 1)])
    for (const attempt of [
      () => storage.put('packs/3f/bb', [pattern(MIB, 2), pattern(2 * MIB, 3)]),
      () => storage.put('packs/3f/aa', [pattern(3 * MIB, 2)]),
      () => storage.create('log/0', pattern(3 * MIB, 4)),
    ]) {
      const error: unknown = await attempt().catch((thrown: unknown) => thrown)
      expect(hasCode(error, 'REPOSITORY_FULL') && error.hint).toBeTruthy()
      expect(readdirSync(join(path, 'repository/tmp'))).toEqual([])
    }
    expect(await keys(storage)).toEqual(['packs/3f/aa'])
    expect(Buffer.compare(await storage.read('packs/3f/aa'), pattern(2 * MIB, 1))).toBe(0)
    await storage.put('packs/3f/cc', [pattern(MIB, 5)])
    await storage.remove('packs/3f/aa')
    await storage.put('packs/3f/bb', [pattern(MIB, 2), pattern(MIB, 3)])
    expect(await storage.create('log/0', text('entry'))).toBe(true)
    expect(await keys(storage)).toEqual(['log/0', 'packs/3f/bb', 'packs/3f/cc'])
  })

  it('still lets objects be read, removed and swept when not one byte is left', async () => {
    const path = smallFileSystem(2 * MIB)
    const storage = openLocalDirectory(path)
    await storage.put('packs/3f/aa', [pattern(MIB)])
    await storage.create('log/0', text('entry'))
    const ended = (systemProcesses().own ?? '').replace(/\d+$/, '0')
    writeFileSync(join(path, 'tmp', `${ended}-${'0'.repeat(32)}`), 'x')
    try {
      writeFileSync(join(path, 'filler'), pattern(2 * MIB))
    } catch {}
    await expect(storage.put('packs/3f/bb', [text('x')])).rejects.toMatchObject({ code: 'REPOSITORY_FULL' })
    expect(await storage.read('log/0')).toEqual(text('entry'))
    expect(await storage.sweep()).toBe(1)
    await storage.remove('packs/3f/aa')
    rmSync(join(path, 'filler'))
    await storage.put('packs/3f/bb', [text('x')])
  })
})

describe('permissions', () => {
  it('are named when they are missing, with the path and a hint', async () => {
    const path = scratchDirectory()
    chmodSync(path, 0o755)
    const storage = openLocalDirectory(path)
    await storage.put('config', [text('c')])
    await storage.put('log/0', [text('e')])
    const theirs = scratchDirectory()
    chownSync(theirs, NOBODY, NOBODY)
    await asNobody(async () => {
      for (const attempt of [
        () => openLocalDirectory(path).put('packs/3f/aa', [text('x')]),
        () => openLocalDirectory(path).create('log/1', text('x')),
        () => openLocalDirectory(path).read('config'),
        () => openLocalDirectory(path).stat('log/0'),
        () => openLocalDirectory(path).remove('config'),
        () => keys(openLocalDirectory(path)),
        () => createLocalDirectory(join(path, 'below')),
      ]) {
        const error: unknown = await attempt().catch((thrown: unknown) => thrown)
        expect(hasCode(error, 'STORAGE_FAILED'), String(error)).toBe(true)
        expect(error).toMatchObject({
          message: expect.stringContaining(path),
          hint: expect.stringContaining('permission'),
        })
        expect((error as Error).cause).toMatchObject({ code: 'EACCES' })
      }
      const own = await createLocalDirectory(join(theirs, 'repository'))
      expect(await own.create('log/0', text('mine'))).toBe(true)
    })
    expect(await keys(storage)).toEqual(['config', 'log/0'])
  })

  it('of a file system that is mounted read-only still allow reading', async () => {
    const path = smallFileSystem(MIB)
    await openLocalDirectory(path).put('config', [text('c')])
    execFileSync('mount', ['-o', 'remount,ro', path])
    const storage = openLocalDirectory(path)
    expect(await keys(storage)).toEqual(['config'])
    expect(await storage.read('config')).toEqual(text('c'))
    for (const attempt of [
      () => storage.put('a', [text('x')]),
      () => storage.remove('config'),
      () => storage.create('log/0', text('x')),
    ]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'STORAGE_FAILED',
        hint: expect.stringContaining('read-only'),
      })
    }
  })
})

describe('a fault at any one system call', () => {
  const STEPS = [
    { verb: 'put', key: 'packs/3f/aa' },
    { verb: 'create', key: 'log/0' },
    { verb: 'put', key: 'packs/40/bb' },
    { verb: 'remove', key: 'packs/3f/aa' },
    { verb: 'create', key: 'log/1' },
  ] as const

  for (const errno of ['EIO', 'ENOSPC', 'EDQUOT', 'EMFILE'] as const) {
    for (const when of ['before', 'after'] as const) {
      it(`${errno} ${when} it: fails with the right code, shows nothing in part, and works again`, async () => {
        let failures = 0
        for (let at = 1; ; at += 1) {
          const machine = new RecordingMachine()
          await createLocalDirectory('/repository', { fs: machine.process() })
          const fs = faultyFs(machine.process(), { at, when, errno })
          const storage = openLocalDirectory('/repository', { fs })
          for (const { verb, key } of STEPS) {
            const step = async () => {
              if (verb === 'put') await storage.put(key, [bytesFor(key)])
              else if (verb === 'remove') await storage.remove(key)
              else if (!(await storage.create(key, bytesFor(key))))
                expect(await storage.read(key)).toEqual(bytesFor(key))
            }
            try {
              await step()
            } catch (error) {
              failures += 1
              const full = errno === 'ENOSPC' || errno === 'EDQUOT'
              expect(hasCode(error, full ? 'REPOSITORY_FULL' : 'STORAGE_FAILED'), String(error)).toBe(true)
              const there = await keys(openLocalDirectory('/repository', { fs: machine.process() }))
              for (const seen of there) expect(await storage.read(seen)).toEqual(bytesFor(seen))
              await step()
            }
          }
          expect(await keys(storage)).toEqual(['log/0', 'log/1', 'packs/40/bb'])
          if (fs.calls < at) break
        }
        expect(failures).toBeGreaterThan(20)
      })
    }
  }
})
