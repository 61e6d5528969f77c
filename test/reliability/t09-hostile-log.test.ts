import { describe, expect, test } from 'vitest'
import { logKey } from '../../src/object/object-keys.ts'
import { Attacked } from '../support/hostile/attacked.ts'
import { hostileFigures } from '../support/hostile/figures.ts'
import { LOG_CASES, type LogCase } from '../support/hostile/log-cases.ts'
import { throughStack, worst } from '../support/hostile/stack.ts'

/** Cases that go into one log: each has entries of its own, so it still shows what becomes of which. */
const TOGETHER = 12

hostileFigures(import.meta.url, 'hostile logs', () => LOG_CASES.length, worst)

const shared = LOG_CASES.filter(({ alone }) => alone !== true)
const groups = [
  ...LOG_CASES.filter(({ alone }) => alone === true).map((one) => [one]),
  ...Array.from({ length: Math.ceil(shared.length / TOGETHER) }, (_, n) =>
    shared.slice(n * TOGETHER, (n + 1) * TOGETHER),
  ),
].map((cases) => ({ cases, name: cases.map(({ name }) => name).join('; ') }))

describe('a log leaves the good snapshot whole and is reported, with', () => {
  test.each(groups)('$name', async ({ cases }) => {
    await using attacked = await Attacked.create()
    const planted: { readonly one: LogCase; readonly first: number; readonly end: number }[] = []
    for (const one of cases) {
      const first = attacked.next
      await one.attack(attacked)
      if (one.alone !== true) await attacked.repo.repository.log.follow()
      planted.push({ one, first, end: attacked.next })
    }
    const report = await throughStack(attacked.repo, attacked.sandbox, attacked.good)
    expect(report.refused).toEqual([cases[0]?.refused, undefined])
    expect(report.snapshots).toBe(cases.reduce((sum, { snapshots = 0 }) => sum + snapshots, 1))
    const { problems } = attacked.repo.repository.log.state
    for (const { one, first, end } of planted) {
      const { name, reason, sound, alone } = one
      const isOwn = (number: number): boolean => alone === true || (number >= first && number < end)
      const reasons = problems.filter(({ number }) => isOwn(number)).map((problem) => problem.reason)
      if (reason === undefined) expect(reasons, name).toEqual([])
      else expect(reasons, name).toContain(reason)
      const keys = Array.from({ length: end - first }, (_, n) => logKey(first + n))
      const named = report.damages.filter((object) => alone === true || keys.includes(object))
      if (sound === true) expect(named, name).toEqual([])
      else if (!/index objects? that do/.test(name)) expect(named.length, name).toBeGreaterThan(0)
    }
  })
})
