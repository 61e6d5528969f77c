import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SnapError } from '../../../../src/model/errors.ts'
import type { SnapshotId } from '../../../../src/model/ids.ts'
import type { CurrentSnapshot } from '../../../../src/ops/current-snapshots.ts'
import { forgetByIds, forgetByPolicy } from '../../../../src/ops/forget/forget.ts'
import { type GroupKey, groupsOf, parseGroupBy } from '../../../../src/ops/forget/groups.ts'
import {
  type ForgetPlan,
  type ForgetRequest,
  planForget,
  removedBy,
} from '../../../../src/ops/forget/plan-forget.ts'
import type { RetentionPolicy } from '../../../../src/ops/forget/policy.ts'
import { RisingClock } from '../../../../src/ops/forget/rising-clock.ts'
import { trustedClock } from '../../../../src/ops/forget/trusted-clock.ts'
import { undoForget, undoLastForget } from '../../../../src/ops/forget/undo.ts'
import { setHeld } from '../../../../src/ops/hold.ts'
import { changeTags } from '../../../../src/ops/tag.ts'
import type { Repository } from '../../../../src/repository/repository.ts'
import {
  addRole,
  type Committed,
  commitSnapshot,
  openElsewhere,
  overtaken,
} from '../../../support/committed.ts'
import { TestRepository } from '../../../support/repository.ts'

const DAY_MS = 86_400_000
const IDS = { dryRun: false, evenLast: false }
const NEWER_THAN_ALL = Buffer.from('no sealed box at all, but long enough to be one, as it seems')

let test: TestRepository
const opened: Repository[] = []

beforeEach(async () => {
  test = await TestRepository.create()
})

afterEach(async () => {
  for (const repository of opened.splice(0)) repository.manifest[Symbol.dispose]()
  await test[Symbol.asyncDispose]()
})

async function elsewhere(options: Parameters<typeof openElsewhere>[1] = {}): Promise<Repository> {
  const repository = await openElsewhere(test, options)
  opened.push(repository)
  return repository
}

/** One a day, in the order in which they are given. */
async function commitDaily(...snapshots: Committed[]): Promise<SnapshotId[]> {
  const ids: SnapshotId[] = []
  for (const about of snapshots) {
    test.now += DAY_MS
    ids.push(await commitSnapshot(test, about))
  }
  return ids
}

const request = (
  policy: Omit<RetentionPolicy, 'timeZone'>,
  more: Partial<ForgetRequest> = {},
): ForgetRequest => ({
  policy: { ...policy, timeZone: 'UTC' },
  groupBy: ['series'],
  concerns: () => true,
  ...more,
})
const LAST_ONE = request({ counts: { last: 1 } })
const byPolicy = (wanted: ForgetRequest = LAST_ONE, repository = test.repository): Promise<ForgetPlan> =>
  forgetByPolicy(repository, wanted, { dryRun: false })
const removed = (plan: ForgetPlan): SnapshotId[] => removedBy(plan).map(({ id }) => id)

function live(repository = test.repository): SnapshotId[] {
  const { state } = repository.log
  return [...state.snapshots.values()].filter(({ forgotten }) => forgotten === undefined).map(({ id }) => id)
}

const logLength = (): number => test.keys('log/').length

/** No object fits any more until the reserve is given up. */
function fillStorage(): void {
  const { create, releaseReserve } = test.storage
  test.storage.create = () => Promise.reject(new SnapError('REPOSITORY_FULL', 'no space is left'))
  test.storage.releaseReserve = async () => {
    test.storage.create = create
    await releaseReserve.call(test.storage)
  }
}

describe('on a full disk', () => {
  it('a policy writes its entry from the reserve', async () => {
    const ids = await commitDaily({}, {})
    fillStorage()
    await byPolicy()
    expect(live()).toEqual([ids[1]])
  })

  it('so do those who name snapshots', async () => {
    const [first, second] = await commitDaily({}, {})
    fillStorage()
    await forgetByIds(test.repository, [first!], IDS)
    expect(live()).toEqual([second])
  })

  it('says so where the reserve is no help either', async () => {
    await commitDaily({}, {})
    fillStorage()
    test.storage.releaseReserve = () => Promise.resolve()
    await expect(byPolicy()).rejects.toMatchObject({ code: 'REPOSITORY_FULL' })
  })
})

describe('forgetting by a policy', () => {
  it('forgets what no rule keeps, in each series by itself', async () => {
    const [, b, c, d] = await commitDaily({}, {}, { paths: ['/etc'] }, {})
    const plan = await byPolicy(request({ counts: { last: 2 } }))
    expect(live()).toEqual([b, c, d])
    expect(
      plan.groups.map(({ host, paths, verdicts }) => [host, paths, verdicts.map(({ kept }) => kept)]),
    ).toEqual([
      ['host', ['/srv'], [true, true, false]],
      ['host', ['/etc'], [true]],
    ])
  })

  it('writes nothing in a dry run, and nothing where nothing goes', async () => {
    const ids = await commitDaily({}, {})
    const entries = logLength()
    expect(removed(await forgetByPolicy(test.repository, LAST_ONE, { dryRun: true }))).toEqual([ids[0]])
    expect(removed(await byPolicy(request({ counts: { last: 5 } })))).toEqual([])
    expect(logLength()).toBe(entries)
    expect(live()).toEqual(ids)
  })

  it('refuses a policy that says nothing, and a zone that does not exist', async () => {
    await commitDaily({}, {})
    const entries = logLength()
    for (const policy of [{}, { counts: { last: 0, daily: 0 } }, { minCount: 3 }]) {
      await expect(byPolicy(request(policy))).rejects.toMatchObject({ code: 'USAGE' })
    }
    const nowhere = { ...LAST_ONE, policy: { ...LAST_ONE.policy, timeZone: 'Middle/Earth' } }
    await expect(byPolicy(nowhere)).rejects.toMatchObject({ code: 'USAGE' })
    expect(logLength()).toBe(entries)
  })

  it('keeps what is held and the newest complete one, whatever the counts say', async () => {
    const [held, , complete, last] = await commitDaily({}, {}, {}, { incomplete: true })
    await setHeld(test.repository, [held!], true)
    await byPolicy(request({ maxCount: 1 }))
    expect(live()).toEqual([held, complete])
    expect(live()).not.toContain(last)
  })

  it('keeps the newest complete one of each series, also where groups mix series or filters split them', async () => {
    const [old, , , tagged] = await commitDaily({}, { hostname: 'b' }, {}, { tags: ['x'], incomplete: true })
    const all = live()
    const mixed = await byPolicy(request({ counts: { last: 1 } }, { groupBy: [] }))
    expect(removed(mixed)).toEqual([old])
    await undoLastForget(test.repository)
    const inEach = await byPolicy(request({ counts: { last: 1 } }, { groupBy: ['tags'] }))
    expect(removed(inEach)).toEqual([old])
    await undoLastForget(test.repository)
    const untagged = await byPolicy(
      request({ maxCount: 1 }, { groupBy: [], concerns: ({ id }) => id !== tagged && id !== all[1] }),
    )
    expect(removed(untagged)).toEqual([old])
    const verdict = mixed.groups[0]!.verdicts.find(({ snapshot }) => snapshot.id === all[1])
    expect(verdict).toMatchObject({ kept: true, reasons: ['newest complete snapshot'] })
  })

  it('goes by the tags that snapshots have now', async () => {
    const [a, b] = await commitDaily({ tags: ['keep'] }, {}, {})
    await changeTags(test.repository, [a!], { set: [] })
    await changeTags(test.repository, [b!], { add: ['keep'], remove: [] })
    const plan = await byPolicy(request({ tags: [['keep']] }))
    expect(removed(plan)).toEqual([a])
  })

  it('leaves a series alone whose newest snapshot does not open, and names it', async () => {
    const [, garbage] = await commitDaily(
      {},
      { sealed: NEWER_THAN_ALL },
      { hostname: 'b' },
      { hostname: 'b' },
    )
    const plan = await byPolicy()
    expect(removed(plan)).toHaveLength(1)
    expect(plan.leftAlone.map(({ id }) => id)).toEqual([garbage])
    await forgetByIds(test.repository, [garbage!], IDS)
    await commitDaily({})
    const next = await byPolicy()
    expect(next.leftAlone).toEqual([])
    expect(removed(next)).toHaveLength(1)
  })

  it('opens the details that a manifest filled with another key does not hold', async () => {
    const writer = await addRole(test, 'writer')
    await test.reopen({ forgetting: true, secret: writer })
    await commitDaily({}, {})
    expect(test.repository.manifest.snapshots.list().map(({ details }) => details)).toEqual([null, null])
    await test.reopen()
    const plan = await byPolicy()
    expect(plan.leftAlone).toEqual([])
    expect(removed(plan)).toHaveLength(1)
  })

  it('trusts the clocks of admins, commits and readings ahead of now left out', async () => {
    await commitDaily({})
    const writer = await addRole(test, 'writer')
    const other = await elsewhere({ secret: writer })
    const start = test.now
    test.now = start + 400 * DAY_MS
    await commitSnapshot(test, {}, other)
    test.now = start + 2 * DAY_MS
    const [held] = live()
    await setHeld(test.repository, [held!], true)
    test.now = start + 2.3 * DAY_MS
    await commitSnapshot(test)
    test.now = start + 2.6 * DAY_MS
    await other.log.append(() => ({ kind: 'note', sealed: NEWER_THAN_ALL }))
    await test.repository.log.follow()
    test.now = start + 3 * DAY_MS
    const clock = trustedClock(test.repository, test.now)
    expect(clock.before(Number.MAX_SAFE_INTEGER)?.ms).toBe(start + 2 * DAY_MS)
    expect(trustedClock(test.repository, start - 2 * DAY_MS).before(Number.MAX_SAFE_INTEGER)).toBeUndefined()
  })

  it('keeps a snapshot from before a trusted reading in its place, though its writer says otherwise', async () => {
    const ids = await commitDaily({}, {}, {}, {})
    await setHeld(test.repository, [ids[0]!], true)
    await setHeld(test.repository, [ids[0]!], false)
    const start = test.now
    test.now = start + 900 * DAY_MS
    const ahead = await commitSnapshot(test)
    test.now = start + DAY_MS
    const plan = await byPolicy(request({ within: { years: 0, months: 0, days: 30, hours: 0 } }))
    expect(removed(plan)).toEqual([])
    expect(plan.groups[0]!.verdicts.find(({ snapshot }) => snapshot.id === ahead)?.reasons).toEqual([
      'clock ahead',
    ])
  })
})

describe('forgetting by id', () => {
  it('forgets what is named, and what is forgotten already costs nothing', async () => {
    const [a, b, c] = await commitDaily({}, {}, {})
    const forgotten = await forgetByIds(test.repository, [a!, b!, a!], IDS)
    expect(forgotten.map(({ id }) => id)).toEqual([a, b])
    expect(live()).toEqual([c])
    const entries = logLength()
    expect(await forgetByIds(test.repository, [a!], IDS)).toEqual([])
    expect(logLength()).toBe(entries)
  })

  it('takes the newest where an older complete one stays', async () => {
    const [a, b] = await commitDaily({}, {})
    await forgetByIds(test.repository, [b!], IDS)
    expect(live()).toEqual([a])
  })

  it('refuses to leave a series without a complete one, unless that is meant', async () => {
    const [a, b, c] = await commitDaily({}, {}, { incomplete: true })
    const entries = logLength()
    await expect(forgetByIds(test.repository, [a!, b!], IDS)).rejects.toMatchObject({
      code: 'SNAPSHOT_KEPT',
      message: expect.stringContaining(b!.slice(0, 8)),
      hint: expect.stringContaining('--even-last'),
    })
    await expect(forgetByIds(test.repository, [a!, b!], { ...IDS, dryRun: true })).rejects.toMatchObject({
      code: 'SNAPSHOT_KEPT',
    })
    expect(logLength()).toBe(entries)
    await forgetByIds(test.repository, [a!, b!], { ...IDS, evenLast: true })
    await expect(forgetByIds(test.repository, [c!], IDS)).rejects.toMatchObject({ code: 'SNAPSHOT_KEPT' })
    await forgetByIds(test.repository, [c!], { ...IDS, evenLast: true })
    expect(live()).toEqual([])
  })

  it('refuses what is held, and then nothing is forgotten', async () => {
    const [a, b] = await commitDaily({}, {}, {})
    await setHeld(test.repository, [b!], true)
    const all = live()
    for (const evenLast of [false, true]) {
      await expect(forgetByIds(test.repository, [a!, b!], { ...IDS, evenLast })).rejects.toMatchObject({
        code: 'SNAPSHOT_KEPT',
        hint: expect.stringContaining(`snap unhold ${b!.slice(0, 8)}`),
      })
    }
    expect(live()).toEqual(all)
  })

  it('says that one was pruned', async () => {
    const [a] = await commitDaily({}, {})
    await forgetByIds(test.repository, [a!], IDS)
    await prune(a!)
    await expect(forgetByIds(test.repository, [a!], IDS)).rejects.toMatchObject({ code: 'SNAPSHOT_UNKNOWN' })
  })
})

const prune = (...snapshots: SnapshotId[]) =>
  test.repository.log.append(() => ({ kind: 'gc', packs: [], indexes: [], newIndexes: [], snapshots }))

describe('at once, each with a manifest of its own', () => {
  /** The second machine has read the log; right before its entry, `first` happens. */
  async function race<T>(
    first: (repository: Repository) => Promise<unknown>,
    second: (repository: Repository) => Promise<T>,
  ): Promise<PromiseSettledResult<T>> {
    const storage = overtaken(test.storage, () => first(test.repository))
    const late = await elsewhere({ storage })
    const [result] = await Promise.allSettled([second(late)])
    await test.repository.log.follow()
    expect(live(late)).toEqual(live())
    return result!
  }

  it('two who forget one of the last two complete ones each do not forget both', async () => {
    const [a, b] = await commitDaily({}, {}, { incomplete: true })
    const result = await race(
      (repository) => forgetByIds(repository, [a!], IDS),
      (repository) => forgetByIds(repository, [b!], IDS),
    )
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'SNAPSHOT_KEPT' } })
    expect(live()).toContain(b)
  })

  it('a policy does not take what is the newest complete one by then', async () => {
    const [a, b] = await commitDaily({}, {}, { incomplete: true })
    const result = await race(
      (repository) => forgetByIds(repository, [b!], IDS),
      (repository) => byPolicy(request({ maxCount: 1 }), repository),
    )
    expect(result.status).toBe('fulfilled')
    expect(live()).toContain(a)
  })

  it('one who forgets by id does not take what a policy has just left', async () => {
    const [, b] = await commitDaily({}, {})
    const result = await race(
      (repository) => byPolicy(LAST_ONE, repository),
      (repository) => forgetByIds(repository, [b!], IDS),
    )
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'SNAPSHOT_KEPT' } })
    expect(live()).toEqual([b])
  })

  it('a hold that came first wins over both ways to forget', async () => {
    const [a, b] = await commitDaily({}, {}, {})
    const hold = (id: SnapshotId) => (repository: Repository) => setHeld(repository, [id], true)
    const named = await race(hold(a!), (repository) => forgetByIds(repository, [a!], IDS))
    expect(named).toMatchObject({ status: 'rejected', reason: { code: 'SNAPSHOT_KEPT' } })
    await test.repository.log.follow()
    const storage = overtaken(test.storage, () => setHeld(test.repository, [b!], true))
    const late = await elsewhere({ storage, name: 'third' })
    expect(removed(await byPolicy(LAST_ONE, late))).toEqual([])
    expect(live(late)).toHaveLength(3)
  })

  it('a new snapshot counts for a policy that began before it', async () => {
    const [a, b] = await commitDaily({}, {})
    let fresh: SnapshotId | undefined
    const result = await race(
      async () => {
        test.now += DAY_MS
        fresh = await commitSnapshot(test)
      },
      (repository) => byPolicy(LAST_ONE, repository),
    )
    expect(result.status === 'fulfilled' ? removed(result.value).sort() : []).toEqual([a, b].sort())
    expect(live()).toEqual([fresh])
  })

  it('a hold says that the snapshot was forgotten meanwhile', async () => {
    const [a] = await commitDaily({}, {})
    const result = await race(
      (repository) => forgetByIds(repository, [a!], IDS),
      (repository) => setHeld(repository, [a!], true),
    )
    expect(result).toMatchObject({
      status: 'rejected',
      reason: { code: 'USAGE', hint: expect.stringContaining('snap forget --undo') },
    })
  })

  it('two who add different tags both do', async () => {
    const [a] = await commitDaily({ tags: ['old'] })
    const add = (tag: string) => (repository: Repository) =>
      changeTags(repository, [a!], { add: [tag], remove: [] })
    await race(add('one'), add('two'))
    expect(test.repository.manifest.snapshots.list()[0]?.tags).toEqual(['old', 'one', 'two'])
  })
})

describe('undoing', () => {
  it('brings back what was last forgotten, and is done once', async () => {
    const [a, b, c] = await commitDaily({}, {}, {})
    await forgetByIds(test.repository, [a!], IDS)
    await forgetByIds(test.repository, [b!], IDS)
    const { back, pruned } = await undoLastForget(test.repository)
    expect([back.map(({ id }) => id), pruned]).toEqual([[b], []])
    const entries = logLength()
    expect((await undoLastForget(test.repository)).back).toEqual([])
    expect(logLength()).toBe(entries)
    expect(live()).toEqual([b, c])
    expect((await undoForget(test.repository, [a!, b!])).map(({ id }) => id)).toEqual([a])
    expect(live()).toEqual([a, b, c])
  })

  it('brings back what was not pruned, and says what was', async () => {
    const [a, b] = await commitDaily({}, {}, {})
    await forgetByIds(test.repository, [a!, b!], IDS)
    await prune(a!)
    await expect(undoForget(test.repository, [a!])).rejects.toMatchObject({ code: 'SNAPSHOT_UNKNOWN' })
    const { back, pruned } = await undoLastForget(test.repository)
    expect([back.map(({ id }) => id), pruned]).toEqual([[b], [a]])
  })

  it('says that nothing was ever forgotten, or that all of it was pruned', async () => {
    const [a] = await commitDaily({}, {})
    await expect(undoLastForget(test.repository)).rejects.toMatchObject({ code: 'SNAPSHOT_UNKNOWN' })
    await forgetByIds(test.repository, [a!], IDS)
    await prune(a!)
    await expect(undoLastForget(test.repository)).rejects.toMatchObject({
      code: 'SNAPSHOT_UNKNOWN',
      message: expect.stringContaining('pruned'),
    })
  })

  it('finds the last forgetting with a new manifest too, and in a list object', async () => {
    const [a] = await commitDaily({}, {})
    const unknown = Array.from(
      { length: 2_100 },
      (_, index) => index.toString(16).padStart(32, '0') as SnapshotId,
    )
    await test.repository.log.append(() => ({ kind: 'forget', snapshots: [a!, ...unknown] }))
    expect(test.keys('lists/')).toHaveLength(1)
    await test.reopen({ forgetting: true })
    const { back, pruned } = await undoLastForget(test.repository)
    expect([back.map(({ id }) => id), pruned.length]).toEqual([[a], 2_100])
  })
})

describe('other keys', () => {
  it.each([
    ['reader', 'reader', 'a reader cannot'],
    ['writer', 'writer', 'a writer cannot'],
    ['admin', 'revoked', 'revoked'],
    ['admin', 'reader', 'a reader cannot'],
  ] as const)('of a %s, admitted as %s, write nothing', async (role, admitted, words) => {
    const [a] = await commitDaily({}, {}, {})
    await forgetByIds(test.repository, [a!], IDS)
    const other = await elsewhere({ secret: await addRole(test, role, admitted) })
    const entries = logLength()
    const tries = [
      () => byPolicy(LAST_ONE, other),
      () => forgetByPolicy(other, LAST_ONE, { dryRun: true }),
      () => forgetByIds(other, [a!], IDS),
      () => undoForget(other, [a!]),
      () => undoLastForget(other),
      () => setHeld(other, [a!], true),
      () => changeTags(other, [a!], { set: ['x'] }),
    ]
    for (const attempt of tries) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'KEY_WRONG',
        message: expect.stringContaining(words),
        hint: 'Use the key of an admin.',
      })
    }
    expect(logLength()).toBe(entries)
  })

  it('that are revoked while they forget write nothing', async () => {
    const [a] = await commitDaily({}, {})
    const secret = await addRole(test, 'admin')
    const author = [...test.repository.log.state.keys.values()].at(-1)!
    const revoke = () =>
      test.repository.log.append(() => ({ kind: 'keys', keys: [{ ...author, role: 'revoked' }] }))
    const late = await elsewhere({ secret, storage: overtaken(test.storage, revoke) })
    const entries = logLength()
    await expect(forgetByIds(late, [a!], IDS)).rejects.toMatchObject({ code: 'KEY_WRONG' })
    expect(logLength()).toBe(entries + 1)
  })
})

describe('groups', () => {
  const snapshot = (number: number, more: Partial<CurrentSnapshot>): CurrentSnapshot => ({
    id: String(number).padStart(32, '0') as SnapshotId,
    series: 'a'.repeat(32) as CurrentSnapshot['series'],
    number,
    timeMs: number * DAY_MS,
    committedMs: number * DAY_MS,
    isReadable: true,
    host: 'h',
    paths: ['/b', '/a'],
    tags: [],
    label: null,
    sources: [],
    incomplete: false,
    held: false,
    forgotten: false,
    ...more,
  })

  it('are read as restic writes them', () => {
    expect(parseGroupBy('host, paths,TAG,label')).toEqual(['host', 'paths', 'tags', 'label'])
    expect(parseGroupBy('series')).toEqual(['series'])
    expect(parseGroupBy('')).toEqual([])
    expect(() => parseGroupBy('hosts')).toThrow('cannot be grouped by "hosts"')
  })

  it('do not care in which order paths and tags are', () => {
    const all = [snapshot(0, { tags: ['x', 'y'] }), snapshot(1, { paths: ['/a', '/b'], tags: ['y', 'x'] })]
    const groups = groupsOf(all, ['paths', 'tags'])
    expect(groups).toEqual([
      { host: undefined, paths: ['/a', '/b'], tags: ['x', 'y'], label: undefined, snapshots: all },
    ])
  })

  it('of one key hold what has the same, and every snapshot is in one', () => {
    const all = [snapshot(0, {}), snapshot(1, { label: 'full' }), snapshot(2, { host: 'i' }), snapshot(3, {})]
    const numbers = (...keys: GroupKey[]) =>
      groupsOf(all, keys).map(({ snapshots }) => snapshots.map(({ number }) => number))
    expect(numbers('label')).toEqual([[0, 2, 3], [1]])
    expect(numbers('host')).toEqual([[0, 1, 3], [2]])
    expect(numbers('host', 'label')).toEqual([[0, 3], [1], [2]])
    expect(numbers()).toEqual([[0, 1, 2, 3]])
  })

  it('never take the newest complete one of a series, nor what is held, whatever they are and whatever is filtered', () => {
    const one = fc.record({
      series: fc.constantFrom('a', 'b', 'c'),
      host: fc.constantFrom('h', 'i'),
      tags: fc.subarray(['x', 'y']),
      label: fc.constantFrom(null, 'full'),
      incomplete: fc.boolean(),
      held: fc.boolean(),
      forgotten: fc.boolean(),
      filtered: fc.boolean(),
    })
    const keys = fc.subarray<GroupKey>(['series', 'host', 'paths', 'tags', 'label'])
    const policies = fc.constantFrom<Omit<RetentionPolicy, 'timeZone'>>(
      { maxCount: 1 },
      { counts: { last: 2 } },
      { counts: { daily: 1 }, maxCount: 2 },
      { tags: [['x']] },
    )
    fc.assert(
      fc.property(fc.array(one, { maxLength: 30 }), keys, policies, (parts, groupBy, policy) => {
        const outside = new Set<number>()
        const all = parts.map(({ filtered, series, ...more }, number) => {
          if (filtered) outside.add(number)
          return snapshot(number, { ...more, series: series.repeat(32) as CurrentSnapshot['series'] })
        })
        const concerns = ({ number }: CurrentSnapshot): boolean => !outside.has(number)
        const plan = planForget(all, request(policy, { groupBy, concerns }), {
          nowMs: 100 * DAY_MS,
          trusted: new RisingClock(),
        })
        const gone = new Set(removedBy(plan).map(({ id }) => id))
        for (const { id, number, held, forgotten } of all) {
          if (gone.has(id)) expect([held, forgotten, outside.has(number)]).toEqual([false, false, false])
        }
        for (const series of new Set(all.map((each) => each.series))) {
          const members = all.filter((each) => each.series === series && !each.forgotten)
          const newest = members.findLast(({ incomplete }) => !incomplete) ?? members.at(-1)
          if (newest !== undefined) expect(gone.has(newest.id)).toBe(false)
        }
      }),
    )
  })
})
