import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SnapError } from '../../src/model/errors.ts'
import { addKey } from '../../src/ops/keys.ts'
import { Attacked } from '../support/hostile/attacked.ts'
import { DETAILS } from '../support/hostile/hostile-snapshot.ts'
import { measured, restoreInto, TIME_MS_MAX, verifyAll } from '../support/hostile/sandbox.ts'
import { filesBelow, GOOD, throughStack } from '../support/hostile/stack.ts'

const KINDS = ['config', 'slots/', 'packs/', 'index/', 'log/', 'lists/']

/** Two backups, two slots and two lists. */
async function withEveryKind(): Promise<Attacked> {
  const attacked = await Attacked.create()
  const { repo, hostile } = attacked
  for (const round of [1, 2]) {
    const details = hostile.sealedDetails({ ...DETAILS, tags: ['x'.repeat(40_000 + round)] } as never)
    const payload = attacked.commit({ details })
    await repo.repository.log.append(() => payload)
  }
  await addKey(repo.repository, {
    secret: { kind: 'key file', secret: new Uint8Array(32).fill(3) },
    name: 'two',
  })
  return attacked
}

/** Opens anew, restores and verifies: no wrong byte, and `key` is named where it opens. */
async function expectNoticed(attacked: Attacked, key: string, what: string): Promise<void> {
  const { repo, sandbox, good } = attacked
  const opened = await measured(() => repo.reopen({ forgetting: true }))
  expect(opened.ms, what).toBeLessThan(TIME_MS_MAX)
  if (opened.error !== undefined) return
  sandbox.clear()
  const snapshot = repo.repository.log.state.snapshots.get(good)
  if (snapshot !== undefined) {
    const { value, error } = await measured(() =>
      restoreInto(repo, sandbox.target, snapshot.root, { strip: repo.source() }),
    )
    for (const name of filesBelow(join(sandbox.target, 'good')))
      expect(readFileSync(join(sandbox.target, 'good', name), 'utf8'), what).toBe(GOOD[name])
    const restored = filesBelow(join(sandbox.target, 'good')).length
    const isWhole = error === undefined && value?.failures.length === 0
    expect(isWhole, what).toBe(restored === Object.keys(GOOD).length)
  }
  expect(sandbox.isUntouched, what).toBe(true)
  const { value, error } = await measured(() => verifyAll(repo))
  if (error !== undefined) expect(error, what).toBeInstanceOf(SnapError)
  else
    expect(
      value?.damages.map(({ object }) => object),
      what,
    ).toContain(key)
}

test('every object that another one of its kind replaces is noticed, of this repository or of another', async () => {
  await using attacked = await withEveryKind()
  await using other = await withEveryKind()
  const { repo } = attacked
  let tried = 0
  for (const kind of KINDS) {
    const keys = repo.keys(kind)
    expect(keys.length).toBeGreaterThan(kind === 'config' || kind === 'index/' ? 0 : 1)
    for (const [n, key] of keys.entries()) {
      const own = repo.bytesOf(key)
      const theirs = other.repo.keys(kind)
      const others = [
        ...keys.filter((another) => another !== key).map((another) => repo.bytesOf(another)),
        other.repo.bytesOf(theirs[n % theirs.length]!),
      ]
      for (const bytes of others) {
        attacked.plant(key, bytes)
        await expectNoticed(attacked, key, `${key}, ${bytes.length} bytes`)
        tried += 1
      }
      attacked.plant(key, own)
    }
  }
  const { refused, damages } = await throughStack(repo, attacked.sandbox, attacked.good)
  expect(refused).toEqual([undefined, undefined])
  expect(damages).toEqual([])
  console.log(`${tried} objects replaced by others of their kind, each noticed`)
})
