/** One client with a right clock, another beside it, and which snapshots of the first a policy keeps. */
import { forgetByPolicy } from '../../../src/ops/forget/forget.ts'
import type { RetentionPolicy } from '../../../src/ops/forget/policy.ts'
import { setHeld } from '../../../src/ops/hold.ts'
import { openRepository } from '../../../src/repository/open-repository.ts'
import { Chance } from '../builders.ts'
import { commitSnapshot } from '../committed.ts'
import { SECRET, TestRepository } from '../repository.ts'

const DAY_MS = 86_400_000
const DAYS = 14

/** What the other does follows from `seed`; by how much its clock is off, from day to day, from `offsetsMs`, over and over. */
export type Neighbour = { readonly seed: number; readonly offsetsMs: readonly number[] }

/** One digit for each snapshot of the first client, in the order of the log: 1 where it is kept. */
export async function keptWith({ seed, offsetsMs }: Neighbour, policy: RetentionPolicy): Promise<string> {
  await using test = await TestRepository.create()
  const chance = new Chance(seed)
  let offsetMs = 0
  const clock = { now: () => test.now + offsetMs }
  const ports = { ...test.ports, clock, cacheDirectory: `${test.directory}/neighbour` }
  const other = await openRepository(ports, SECRET)
  const own: string[] = []
  for (let day = 0; day < DAYS; day++) {
    test.now += DAY_MS
    const many = chance.int(4)
    offsetMs = offsetsMs[day % offsetsMs.length] ?? 0
    for (let count = 0; count < many; count++) {
      test.now += 60_000
      await other.log.follow()
      const id = await commitSnapshot(test, { hostname: 'neighbour', timeMs: clock.now() }, other)
      if (chance.int(8) === 0) await setHeld(other, [id], true)
    }
    for (let count = chance.int(2); count >= 0; count--) {
      test.now += 60_000
      await test.repository.log.follow()
      own.push(await commitSnapshot(test, { hostname: 'own' }))
    }
    // A right clock's entry a day, as a retention writes one: what others' clocks are held against.
    const [first] = own
    if (first !== undefined) await setHeld(test.repository, [first as never], day % 2 === 0)
  }
  test.now += 60_000
  await test.repository.log.follow()
  const request = { policy, groupBy: ['series' as const], concerns: () => true }
  const plan = await forgetByPolicy(test.repository, request, { dryRun: true })
  const verdicts = new Map(
    plan.groups.flatMap((group) =>
      group.verdicts.map(({ snapshot, kept }) => [String(snapshot.id), kept] as const),
    ),
  )
  other.manifest[Symbol.dispose]()
  return own.map((id) => (verdicts.get(id) === true ? '1' : '0')).join('')
}
