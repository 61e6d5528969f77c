import { describe, expect, it } from 'vitest'
import { Crowd, type CrowdPlan } from '../support/collector/crowd.ts'
import { lossesOf } from '../support/collector/crowd-losses.ts'
import { Figures, FULL, sized } from '../support/figures.ts'
import { fastScratch, Sandbox } from '../support/snap.ts'

const GIB = 1_073_741_824
const COMMITS = sized(12, 1_000)
const figures = new Figures('T5', import.meta.url)

/** One run of a crowd, its figures, and what must be true of it. */
async function run(what: string, plan: CrowdPlan): Promise<Crowd> {
  const sandbox = new Sandbox(fastScratch(GIB))
  await sandbox.init()
  const crowd = new Crowd(sandbox, plan, (done, of) => figures.progress(what, done, of))
  await crowd.run()
  const { losses, restored } = await lossesOf(sandbox, crowd)
  figures.record({
    tried: `snapshots saved by ${what}`,
    count: crowd.saved.size,
    wrongly: 'lost',
    wrong: losses.length,
    target: { count: plan.commits, wrong: 0 },
  })
  figures.record({
    tried: `processes of ${what}, ${crowd.killed} of them killed and ${crowd.stopped} stopped for a while`,
    count: crowd.started,
    wrongly: 'stuck',
    wrong: crowd.stuck.length,
    target: { wrong: 0 },
  })
  figures.record({
    tried: `processes of ${what} that ended by themselves`,
    count: crowd.started - crowd.killed,
    wrongly: 'with an exit status that says more than that another was faster',
    wrong: crowd.unexpected.length,
    target: { wrong: 0 },
  })
  figures.measure({ name: `snapshots of ${what} read back`, value: restored, unit: '' })
  figures.measure({ name: `${what}: prunes that ended`, value: crowd.ended.get('prune') ?? 0, unit: '' })
  figures.measure({
    name: `${what}: gave up, for others pruned all the time`,
    value: crowd.overtaken,
    unit: '',
  })
  figures.measure({ name: `${what}: took`, value: Math.round(crowd.seconds), unit: 's' })
  const { unexpected, stuck } = crowd
  expect({ unexpected, stuck, losses }).toEqual({ unexpected: [], stuck: [], losses: [] })
  return crowd
}

describe('processes on one repository, killed and stopped at random', () => {
  it('6 that back up, 2 that prune, 1 that forgets and 1 that verifies', async () => {
    const crowd = await run('6 backups, 2 prunes, a forget and a verify', {
      seed: 5,
      commits: COMMITS,
      secondsMin: 0,
      secondsMax: sized(45, 3_600),
      backups: 6,
      prunes: 2,
      forgets: 1,
      verifies: 1,
    })
    expect(crowd.saved.size).toBeGreaterThanOrEqual(sized(1, COMMITS))
    expect(crowd.ended.get('prune') ?? 0).toBeGreaterThan(0)
  })

  if (!FULL) return
  it('1 that backs up and 1 that prunes, for 10 minutes', async () => {
    const crowd = await run('a backup and a prune', {
      seed: 6,
      commits: 1,
      secondsMin: 600,
      secondsMax: 900,
      backups: 1,
      prunes: 1,
      forgets: 0,
      verifies: 0,
    })
    expect(crowd.seconds).toBeGreaterThanOrEqual(600)
  })
})
