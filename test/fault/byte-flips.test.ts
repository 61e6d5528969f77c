import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SnapError } from '../../src/model/errors.ts'
import { Chance } from '../support/builders.ts'
import { restoreInto, verifyAll } from '../support/hostile/sandbox.ts'
import { TestRepository } from '../support/repository.ts'

/** One byte in so many is flipped, beside every byte of each object's first and last 64. */
const ONE_IN = 23
const EDGE_BYTES = 64

test(`a flipped byte is damage that names its object: every byte at the ends of objects, one in ${ONE_IN} between`, async () => {
  await using repo = await TestRepository.create()
  const chance = new Chance(11)
  mkdirSync(repo.source(), { recursive: true })
  writeFileSync(repo.source('file'), chance.bytes(2_000))
  writeFileSync(repo.source('text'), chance.text(3_000))
  await repo.backup()
  let tried = 0
  let total = 0
  for (const key of repo.keys()) {
    const bytes = repo.bytesOf(key).length
    total += bytes
    for (let at = 0; at < bytes; at++) {
      if (at >= EDGE_BYTES && at < bytes - EDGE_BYTES && at % ONE_IN !== 0) continue
      tried += 1
      const mend = repo.damage(key, at)
      const found = (await verifyAll(repo)).damages.map(({ object }) => object)
      expect(found, `${key}, byte ${at}`).toContain(key)
      mend()
    }
  }
  expect((await verifyAll(repo)).damages).toEqual([])
  console.log(`${tried} of ${total} bytes flipped, each found`)
})

test('a restore from a repository with a flipped byte, opened anew, is right or says that it is not', async () => {
  await using repo = await TestRepository.create()
  const content = new Chance(12).bytes(2_000)
  mkdirSync(repo.source(), { recursive: true })
  writeFileSync(repo.source('file'), content)
  const { root } = repo.snapshot((await repo.backup()).snapshot)
  const target = join(repo.directory, 'target')
  let wrong = 0
  for (const key of repo.keys()) {
    for (let at = 0; at < repo.bytesOf(key).length; at += 97) {
      const mend = repo.damage(key, at)
      rmSync(target, { recursive: true, force: true })
      try {
        await repo.reopen({ forgetting: true })
        const { failures } = await restoreInto(repo, target, root, { strip: repo.source() })
        const whole =
          failures.length === 0 && Buffer.compare(readFileSync(join(target, 'file')), content) !== 0
        if (whole) wrong += 1
      } catch (error) {
        if (!(error instanceof SnapError)) throw error
      } finally {
        mend()
      }
    }
  }
  await repo.reopen({ forgetting: true })
  expect(wrong).toBe(0)
})
