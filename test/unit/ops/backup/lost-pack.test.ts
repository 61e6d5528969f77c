import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { packKey } from '../../../../src/object/object-keys.ts'
import { verify } from '../../../../src/ops/verify/verify.ts'
import { createRepository } from '../../../../src/repository/open-repository.ts'
import { SECRET, TestRepository } from '../../../support/repository.ts'

let repo: TestRepository

beforeEach(async () => {
  repo = await TestRepository.create()
  mkdirSync(repo.source('directory'), { recursive: true })
  for (const name of ['one', 'two']) writeFileSync(repo.source('directory', name), name.repeat(20_000))
})
afterEach(() => repo[Symbol.asyncDispose]())

function report() {
  const ports = { pool: repo.pool(), progress: () => undefined, signal: new AbortController().signal }
  return verify(repo.repository, { data: true }, ports)
}

describe('a repository that has lost packs', () => {
  it('is made whole by the next backup, which stores again what only they held', async () => {
    await repo.backup()
    const lost = repo.keys('packs/')
    for (const key of lost) repo.storage.objects.delete(key)
    const { summary } = await repo.backup()
    expect(summary).toMatchObject({ filesChanged: 0, filesUnmodified: 2, filesAgain: 2 })
    expect(summary.dataChunks).toBeGreaterThan(0)
    expect((await report()).affected).toEqual([])
    expect(repo.keys('packs/')).toHaveLength(lost.length)
    await repo.reopen({ forgetting: true })
    expect((await report()).affected).toEqual([])
  })

  it('lets later backups rely on what was stored again', async () => {
    await repo.backup()
    for (const key of repo.keys('packs/')) repo.storage.objects.delete(key)
    await repo.backup()
    const { summary } = await repo.backup()
    expect(summary).toMatchObject({ filesUnmodified: 2, filesAgain: 0 })
    expect(summary.bytesStored).toBe(0)
  })

  it('reads a large file of which nothing is lost no more than a small one', async () => {
    const large = repo.source('directory', 'large')
    writeFileSync(large, randomBytes(3_000_000).toString('hex'))
    await repo.backup()
    for (const key of repo.keys('packs/')) repo.storage.objects.delete(key)
    expect((await repo.backup()).summary).toMatchObject({ filesAgain: 3 })
    expect((await repo.backup()).summary).toMatchObject({ filesUnmodified: 3, filesAgain: 0, bytesRead: 0 })
    const lists = repo.repository.manifest.packs.list('live').filter(({ kind }) => kind === 'tree')
    for (const { id } of lists) repo.storage.objects.delete(packKey(id))
    expect((await repo.backup()).summary.filesAgain).toBe(1)
    expect((await report()).affected).toEqual([])
  })

  it('takes a pack that was cut short for lost', async () => {
    await repo.backup()
    const [key = ''] = repo.keys('packs/')
    const object = repo.storage.objects.get(key)
    if (object !== undefined) repo.storage.objects.set(key, { ...object, bytes: object.bytes.slice(0, -1) })
    await repo.backup()
    expect((await report()).affected).toEqual([])
  })
})

describe('packs that an interrupted backup stored', () => {
  it.each(['index/', 'log/'])(
    'are named by the next backup of this client, so that others find them: interrupted at %s',
    async (prefix) => {
      const { put, create } = repo.storage
      const killed = (key: string): void => {
        if (key.startsWith(prefix)) throw new Error('killed')
      }
      repo.storage.put = async (key, parts) => {
        killed(key)
        await put.call(repo.storage, key, parts)
      }
      repo.storage.create = async (key, bytes) => {
        killed(key)
        return create.call(repo.storage, key, bytes)
      }
      await expect(repo.backup()).rejects.toThrow('killed')
      Object.assign(repo.storage, { put, create })
      const packs = repo.keys('packs/')
      expect(repo.repository.manifest.packs.pending()).toHaveLength(packs.length)
      const { snapshot, summary } = await repo.backup()
      expect(summary.dataChunks).toBe(0)
      expect(repo.keys('packs/')).toEqual(expect.arrayContaining(packs))
      await using other = await repo.another()
      const target = join(repo.directory, 'back')
      mkdirSync(target)
      expect((await other.restore(snapshot, target, repo.source())).failures).toEqual([])
      for (const name of ['one', 'two'])
        expect(readFileSync(join(target, 'directory', name), 'utf8')).toBe(name.repeat(20_000))
    },
  )
})

describe('a place with a log and no config', () => {
  it('gets no new repository over the old one', async () => {
    await repo.backup()
    await repo.close()
    repo.storage.objects.delete('config')
    const request = { secret: async () => SECRET, slotName: 'again' }
    await expect(createRepository(repo.ports, request)).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
  })
})
