import { describe, expect, test } from 'vitest'
import { Attacked } from '../support/hostile/attacked.ts'
import { hostileFigures } from '../support/hostile/figures.ts'
import { INDEX_CASES, plantIndex, plantPadded } from '../support/hostile/index-cases.ts'
import { throughStack, worst } from '../support/hostile/stack.ts'

/** Cases that go into one repository: each has a snapshot, packs and index objects of its own. */
const TOGETHER = 9

hostileFigures(import.meta.url, 'hostile index objects', () => INDEX_CASES.length + 1, worst)

const shared = INDEX_CASES.filter(({ alone }) => alone !== true)
const groups = [
  ...INDEX_CASES.filter(({ alone }) => alone === true).map((one) => [one]),
  ...Array.from({ length: Math.ceil(shared.length / TOGETHER) }, (_, n) =>
    shared.slice(n * TOGETHER, (n + 1) * TOGETHER),
  ),
].map((cases) => ({ cases, name: cases.map(({ name }) => name).join('; ') }))

describe('an index object leaves the good snapshot whole and is reported, with', () => {
  test.each(groups)('$name', async ({ cases }) => {
    await using attacked = await Attacked.create()
    const planted = []
    for (const [seed, one] of cases.entries())
      planted.push({ one, keys: await plantIndex(attacked, one, seed + 50) })
    const report = await throughStack(attacked.repo, attacked.sandbox, attacked.good)
    expect(report.refused).toEqual([undefined, undefined])
    for (const { one, keys } of planted) {
      const absent = one.name.includes('not exist')
      const named = report.damages.filter(
        (object) => keys.includes(object) || (absent && !attacked.repo.keys().includes(object)),
      )
      if (one.sound === true) expect(named, one.name).toEqual([])
      else expect(named.length, one.name).toBeGreaterThan(0)
    }
  })

  test('padding that is not zero', async () => {
    await using attacked = await Attacked.create()
    const key = await plantPadded(attacked)
    const report = await throughStack(attacked.repo, attacked.sandbox, attacked.good)
    expect(report.refused).toEqual([undefined, undefined])
    expect(report.damages).toContain(key)
  })
})
