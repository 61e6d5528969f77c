import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { SnapError } from '../../src/model/errors.ts'
import type { ByteRange } from '../../src/model/storage.ts'
import { Chance } from '../support/builders.ts'
import { measured, restoreInto, Sandbox, TIME_MS_MAX } from '../support/hostile/sandbox.ts'
import { filesBelow } from '../support/hostile/stack.ts'
import { TestRepository } from '../support/repository.ts'

type Read = (key: string, range?: ByteRange) => Promise<Uint8Array<ArrayBuffer>>
type Fault = (read: Read, key: string, range?: ByteRange) => Promise<Uint8Array<ArrayBuffer>>

const FAULTS: Readonly<Record<string, Fault>> = {
  EIO: async (_, key) => {
    throw new SnapError('STORAGE_FAILED', `cannot read ${key}: EIO`)
  },
  'a file that is gone': async (_, key) => {
    throw new SnapError('OBJECT_MISSING', `${key} does not exist`)
  },
  'a short read': async (read, key, range) => {
    const bytes = await read(key, range)
    return bytes.slice(0, Math.floor(bytes.length / 2))
  },
  'no bytes': async () => new Uint8Array(0),
  'other bytes': async (read, key, range) => {
    const bytes = await read(key, range)
    const middle = Math.floor(bytes.length / 2)
    bytes[middle] = (bytes[middle] ?? 0) ^ 1
    return bytes
  },
  'a hang that ends': async (read, key, range) => {
    await sleep(30)
    return await read(key, range)
  },
}

async function prepared(repo: TestRepository) {
  const chance = new Chance(31)
  const files = new Map<string, Uint8Array>()
  for (const [name, bytes] of [
    ['a/one', 3_000],
    ['a/b/two', 90_000],
    ['c/three', 10],
    ['c/empty', 0],
    ['four', 40_000],
  ] as const) {
    files.set(name, chance.bytes(bytes))
    mkdirSync(join(repo.source(name), '..'), { recursive: true })
    writeFileSync(repo.source(name), files.get(name)!)
    // A backup each: packs of their own, so that one fault does not concern all.
    await repo.backup()
  }
  const { snapshot } = await repo.backup()
  return { files, root: repo.snapshot(snapshot).root }
}

/** Makes read `at` (from 1) and the `times - 1` after it fail; 0 for none, to count. */
function failing(repo: TestRepository, at: number, times: number, fault: Fault) {
  const read = repo.storage.read.bind(repo.storage)
  const plan = { calls: 0, mend: () => Object.assign(repo.storage, { read }) }
  Object.assign(repo.storage, {
    read: async (key: string, range?: ByteRange) => {
      plan.calls += 1
      const fails = at > 0 && plan.calls >= at && plan.calls < at + times
      return fails ? await fault(read, key, range) : await read(key, range)
    },
  })
  return plan
}

test.each([
  ['once', 1, Object.keys(FAULTS)],
  ['and all after it', Number.POSITIVE_INFINITY, ['EIO', 'a short read']],
] as const)(
  'each read of a restore fails, %s: what is there is right and what is not is named',
  async (_, times, faults) => {
    await using repo = await TestRepository.create()
    const { files, root } = await prepared(repo)
    const sandbox = new Sandbox(repo.directory)
    const restoreWith = async (at: number, fault: Fault) => {
      await repo.reopen({ forgetting: true })
      sandbox.clear()
      const plan = failing(repo, at, times, fault)
      const outcome = await measured(() =>
        restoreInto(repo, sandbox.target, root, { select: [{ text: repo.source(), isGlob: false }] }),
      )
      plan.mend()
      return { ...outcome, calls: plan.calls }
    }
    const { calls, value } = await restoreWith(0, FAULTS['EIO']!)
    expect(value?.failures).toEqual([])
    expect(calls).toBeGreaterThan(5)
    let whole = 0
    for (const name of faults) {
      const fault = FAULTS[name]!
      for (let at = 1; at <= calls; at++) {
        const what = `${name} at read ${at} of ${calls}`
        const { value: report, error, ms } = await restoreWith(at, fault)
        expect(ms, what).toBeLessThan(TIME_MS_MAX)
        expect(error, what).toBeUndefined()
        const failed = (report?.failures ?? []).map(({ path }) => path)
        const there = new Set(filesBelow(join(sandbox.target, repo.source())))
        for (const [path, bytes] of files) {
          if (there.delete(path)) {
            expect(
              readFileSync(join(sandbox.target, repo.source(path))).equals(bytes),
              `${what}: ${path}`,
            ).toBe(true)
          } else {
            const isNamed = failed.some(
              (one) =>
                repo.source(path) === one || repo.source(path).startsWith(one === '/' ? one : `${one}/`),
            )
            expect(isNamed, `${what}: ${path} is neither there nor named`).toBe(true)
          }
        }
        expect([...there], `${what}: nothing else`).toEqual([])
        expect(sandbox.isUntouched, what).toBe(true)
        if (failed.length === 0) whole += 1
      }
    }
    console.log(
      `${faults.length * calls} faulty reads: ${whole} restores whole, the others named what they lacked`,
    )
  },
)
