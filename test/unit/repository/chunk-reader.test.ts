import { mkdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createChunkHasher } from '../../../src/crypto/blake3.ts'
import type { ErrorCode } from '../../../src/model/errors.ts'
import { CHUNK_ID_BYTES } from '../../../src/model/ids.ts'
import type { Content } from '../../../src/snapshot/content.ts'
import { hole, items } from '../../support/hostile/hostile-snapshot.ts'
import { TestRepository } from '../../support/repository.ts'

/** Were it a list, it would end within its first item. */
const BYTES = new Uint8Array(20).fill(1)

let repo: TestRepository
let id: Uint8Array

beforeAll(async () => {
  repo = await TestRepository.create()
  mkdirSync(repo.source())
  writeFileSync(repo.source('file'), BYTES)
  await repo.backup()
  id = new Uint8Array(CHUNK_ID_BYTES)
  createChunkHasher(repo.repository.keys.idKey).hashInto(BYTES, id, 0)
})
afterAll(() => repo[Symbol.asyncDispose]())

const refused = async (run: () => Promise<unknown>, code: ErrorCode) =>
  await expect(run()).rejects.toMatchObject({ code })

async function itemsOf(content: Content): Promise<number> {
  let count = 0
  for await (const _ of repo.repository.chunks.items(content)) count += 1
  return count
}

const bytesOf = (content: Content, bytesMax = 2 ** 20) => repo.repository.chunks.bytes(content, bytesMax)

it('takes no hole for a list of chunks, nor a list that ends within an item', async () => {
  await refused(() => itemsOf({ levels: 1, items: hole(8) }), 'OBJECT_DAMAGED')
  await refused(() => itemsOf(items([id], 1)), 'OBJECT_DAMAGED')
  expect(await itemsOf(items([id, id]))).toBe(2)
})

it('takes no hole for a part of a directory', async () => {
  await refused(() => bytesOf({ levels: 0, items: hole(8) }), 'OBJECT_DAMAGED')
})

it('reads a directory up to its limit, and none that is made of very many small chunks', async () => {
  expect(await bytesOf(items([id, id]), 40)).toHaveLength(40)
  await refused(() => bytesOf(items([id, id]), 39), 'LIMIT_EXCEEDED')
  const many = (count: number) => items(Array.from({ length: count }, () => id))
  expect(await bytesOf(many(1_024))).toHaveLength(20 * 1_024)
  await refused(() => bytesOf(many(1_025)), 'LIMIT_EXCEEDED')
})
