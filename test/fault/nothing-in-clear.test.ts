import { mkdirSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { addDeltaSnapshot } from '../support/delta-repository.ts'
import { verifyAll } from '../support/hostile/sandbox.ts'
import { TestRepository } from '../support/repository.ts'

const MARKER = 'a-marker-that-is-nowhere-else'

test('no content, name, host, user or chunk id is in any stored byte or key', async () => {
  await using repo = await TestRepository.create()
  mkdirSync(repo.source(`name-${MARKER}`), { recursive: true })
  writeFileSync(repo.source(`name-${MARKER}`, 'file'), MARKER.repeat(50))
  await repo.backup()
  await addDeltaSnapshot(repo.repository)
  const { packs } = repo.repository.manifest
  const ids = packs
    .list()
    .flatMap(({ no }) => packs.tableOf(no))
    .flatMap(({ chunkIds, bases }) => [chunkIds, bases])
    .flatMap((all) => Array.from({ length: all.length / 32 }, (_, n) => all.subarray(n * 32, n * 32 + 16)))
  expect(ids.length).toBeGreaterThan(4)
  const secrets = [MARKER, repo.source().slice(1, 12), 'hostname', 'user'].map((text) => Buffer.from(text))
  for (const key of repo.keys()) {
    const bytes = Buffer.from(repo.bytesOf(key))
    for (const secret of [...secrets, ...ids.map((id) => Buffer.from(id))]) {
      expect(bytes.includes(secret), `${key} holds ${secret.toString('latin1')}`).toBe(false)
      expect(key).not.toContain(secret.toString('hex'))
    }
  }
})

test('no object opens under the key of another of its kind', async () => {
  await using repo = await TestRepository.create()
  mkdirSync(repo.source(), { recursive: true })
  for (const round of ['one', 'two']) {
    writeFileSync(repo.source(round), round)
    await repo.backup()
  }
  const { objects } = repo.storage
  for (const prefix of ['packs/', 'index/', 'log/']) {
    const [one = '', two = ''] = repo.keys(prefix)
    const kept = repo.storage.objects.get(one)
    const other = repo.storage.objects.get(two)
    if (kept === undefined || other === undefined) throw new Error(`two objects ${prefix}`)
    objects.set(one, other)
    objects.set(two, kept)
    const found = (await verifyAll(repo)).damages.map(({ object }) => object)
    expect(found).toEqual(expect.arrayContaining([one, two]))
    objects.set(one, kept)
    objects.set(two, other)
  }
})
