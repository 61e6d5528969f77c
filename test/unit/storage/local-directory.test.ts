import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { createLocalDirectory, openLocalDirectory } from '../../../src/storage/local-directory.ts'
import { nodeStorageFs } from '../../../src/storage/node-storage-fs.ts'
import type { StorageFs } from '../../../src/storage/storage-fs.ts'
import { pattern, storageContract, text } from '../../contract/storage.ts'
import { bundled } from '../../support/storage/bundle.ts'
import { systemError } from '../../support/storage/disk-model.ts'
import { shortFs } from '../../support/storage/faulty-fs.ts'
import { scratchDirectory } from '../../support/storage/scratch.ts'

storageContract('a local directory', () => createLocalDirectory(join(scratchDirectory(), 'a', 'b')))

const mode = (path: string) => statSync(path).mode & 0o777

async function keys(storage: ReturnType<typeof openLocalDirectory>): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of storage.list('')) found.push(key)
  return found.sort()
}

describe('a local directory', () => {
  it('is made with its parents, for its owner alone, and so is all in it', async () => {
    const path = join(scratchDirectory(), 'new', 'repository')
    const storage = await createLocalDirectory(path)
    expect(storage.description).toBe(path)
    await storage.put('packs/3f/aa', [text('x')])
    await storage.create('log/0', text('x'))
    for (const directory of ['', 'packs', 'packs/3f', 'log', 'tmp'])
      expect(mode(join(path, directory)), directory).toBe(0o700)
    for (const file of ['packs/3f/aa', 'log/0']) expect(mode(join(path, file)), file).toBe(0o600)
  })

  it('leaves an existing directory as it is', async () => {
    const path = scratchDirectory()
    chmodSync(path, 0o755)
    await createLocalDirectory(path)
    expect(mode(path)).toBe(0o755)
    expect(readdirSync(path)).toEqual([])
  })

  it('refuses to be made where a file is', async () => {
    const path = join(scratchDirectory(), 'file')
    writeFileSync(path, '')
    await expect(createLocalDirectory(path)).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
    await expect(createLocalDirectory(join(path, 'below'))).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
  })

  it('leaves no temporary files behind, whoever wins', async () => {
    const path = scratchDirectory()
    const storage = openLocalDirectory(path)
    await storage.put('packs/3f/aa', [text('x')])
    await Promise.all(Array.from({ length: 8 }, (_, i) => storage.create('log/0', text(`${i}`))))
    expect(readdirSync(join(path, 'tmp'))).toEqual([])
  })

  it('shows neither temporary files nor what is not ours', async () => {
    const path = scratchDirectory()
    const storage = openLocalDirectory(path)
    await storage.put('config', [text('x')])
    mkdirSync(join(path, 'tmp'), { recursive: true })
    mkdirSync(join(path, 'lost+found'))
    mkdirSync(join(path, 'packs'))
    for (const name of ['tmp/0f', '.DS_Store', 'README.md', 'lost+found/a', 'packs/.nfs01'])
      writeFileSync(join(path, name), 'x')
    expect(await keys(storage)).toEqual(['config'])
  })

  it('takes a name in a directory that was listed before it was there', async () => {
    const storage = await createLocalDirectory(join(scratchDirectory(), 'new'))
    for await (const { key } of storage.list('log/')) expect(key).toBe('nothing')
    expect(await storage.create('log/0', text('x'))).toBe(true)
    expect(await keys(storage)).toEqual(['log/0'])
  })

  it('lists what it reads where a directory is a symlink, and never hangs on a FIFO', async () => {
    const path = scratchDirectory()
    const elsewhere = scratchDirectory()
    symlinkSync(elsewhere, join(path, 'index'))
    writeFileSync(join(elsewhere, 'aa'), 'bytes')
    const fifo = spawn('mkfifo', [join(path, 'config')])
    await once(fifo, 'exit')
    const storage = openLocalDirectory(path)
    expect(await keys(storage)).toEqual(['index/aa'])
    expect(await storage.read('index/aa')).toEqual(text('bytes'))
    await expect(storage.read('config')).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
  })

  it('takes a repository that is gone for a failure, not for an empty one', async () => {
    const storage = openLocalDirectory(join(scratchDirectory(), 'unmounted'))
    for (const attempt of [
      () => keys(storage),
      () => storage.put('config', [text('x')]),
      () => storage.put('packs/3f/aa', [text('x')]),
      () => storage.create('log/0', text('x')),
      () => storage.remove('config'),
    ]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'STORAGE_FAILED',
        hint: expect.stringContaining('mounted'),
      })
    }
  })

  it('writes and reads whole objects though the system moves a few bytes at a time', async () => {
    for (const bytesMax of [1, 7, 4_096]) {
      const storage = openLocalDirectory(scratchDirectory(), { fs: shortFs(nodeStorageFs, bytesMax) })
      const parts = [1, 0, 6, 7, 8, 300, 0, 14].map((bytes, i) => pattern(bytes, i + 1))
      await storage.put('config', parts)
      expect(Buffer.compare(await storage.read('config'), Buffer.concat(parts))).toBe(0)
    }
  })

  it('reports an object that is cut short while it is read', async () => {
    const fs: StorageFs = { ...nodeStorageFs, read: async () => 0 }
    const storage = openLocalDirectory(scratchDirectory(), { fs })
    await storage.put('config', [text('x')])
    await expect(storage.read('config')).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' })
  })

  it('allocates nothing for an object that is larger than objects are', async () => {
    const path = scratchDirectory()
    const fs: StorageFs = {
      ...nodeStorageFs,
      fstat: async (fd) => ({ ...(await nodeStorageFs.fstat(fd)), bytes: 2 ** 45 }),
    }
    const storage = openLocalDirectory(path, { fs })
    await storage.put('config', [text('x')])
    await expect(storage.read('config')).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' })
  })

  it('refuses to create where there are no hard links, and says so', async () => {
    for (const errno of ['EPERM', 'ENOTSUP', 'ENOSYS']) {
      const path = scratchDirectory()
      const fs: StorageFs = {
        ...nodeStorageFs,
        link: async () => Promise.reject(systemError(errno, 'link', path)),
      }
      const attempt = openLocalDirectory(path, { fs }).create('log/0', text('x'))
      await expect(attempt).rejects.toMatchObject({
        code: 'STORAGE_FAILED',
        message: expect.stringContaining('hard links'),
      })
      expect(readdirSync(join(path, 'tmp'))).toEqual([])
      expect(readdirSync(join(path, 'log'))).toEqual([])
    }
  })

  it('knows its own link when the system reports that the name exists because of it', async () => {
    const fs: StorageFs = {
      ...nodeStorageFs,
      link: async (from, to) => {
        await nodeStorageFs.link(from, to)
        throw systemError('EEXIST', 'link', to)
      },
    }
    expect(await openLocalDirectory(scratchDirectory(), { fs }).create('log/0', text('x'))).toBe(true)
  })

  it('lets exactly one of four processes win each create', async () => {
    const ROUNDS = 60
    const path = scratchDirectory()
    const program = await bundled('create-in-process.ts')
    const racers = ['a', 'b', 'c', 'd'].map((name) => {
      const child = spawn(process.execPath, [program, path, String(ROUNDS), name], {
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      return { name, child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() }
    })
    for (const { lines } of racers) expect((await lines.next()).value).toBe('ready')
    for (const { child } of racers) child.stdin.write('go\n')
    const storage = openLocalDirectory(path)
    const winners = new Map<number, string>()
    for (const { name, lines } of racers) {
      for (const round of JSON.parse((await lines.next()).value ?? '') as number[]) {
        expect(winners.has(round), `round ${round} has two winners`).toBe(false)
        winners.set(round, name)
      }
    }
    expect(winners.size).toBe(ROUNDS)
    for (const [round, name] of winners)
      expect(await storage.read(`log/${round}`)).toEqual(text(name.repeat(2_000)))
    expect(readdirSync(join(path, 'tmp'))).toEqual([])
  })
})
