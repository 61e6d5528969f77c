import { describe, expect, it } from 'vitest'
import type { SnapshotId } from '../../../../src/model/ids.ts'
import type { CurrentSnapshot } from '../../../../src/ops/current-snapshots.ts'
import { type ForgetRequest, planForget, removedBy } from '../../../../src/ops/forget/plan-forget.ts'
import { RisingClock } from '../../../../src/ops/forget/rising-clock.ts'
import { type BaseFacts, baseNote, walNote } from '../../../../src/ops/wal/facts.ts'
import { planWal } from '../../../../src/ops/wal/needed.ts'
import { baseOf, file, MIB16, MINUTE, range, segment } from './wal-samples.ts'

const SYSTEM = baseOf(1).system

function snapshot(number: number, more: Partial<CurrentSnapshot>): CurrentSnapshot {
  return {
    id: String(number).padStart(32, '0') as SnapshotId,
    series: 'b'.repeat(32) as CurrentSnapshot['series'],
    number,
    timeMs: number * MINUTE,
    committedMs: number * MINUTE,
    isReadable: true,
    host: 'h',
    paths: ['/@cluster/base.tar'],
    tags: [],
    label: null,
    sources: [],
    incomplete: false,
    held: false,
    forgotten: false,
    ...more,
  }
}

const base = (number: number, facts: Partial<BaseFacts> = {}): CurrentSnapshot => {
  const { source, ...rest } = baseOf(number, number, facts)
  return snapshot(number * 10, {
    sources: [{ name: source, kind: 'postgres-cluster', paths: [], facts: baseNote(rest) }],
  })
}

/** Of these files, in the series of WAL. */
function wal(
  number: number,
  names: readonly string[],
  more: Partial<CurrentSnapshot> = {},
  system = SYSTEM,
): CurrentSnapshot {
  const files = names.map((name) => file(name, number))
  const facts = walNote({ system, segmentBytes: MIB16, files })
  return snapshot(number, {
    series: 'e'.repeat(32) as CurrentSnapshot['series'],
    sources: [{ name: 'cluster', kind: 'postgres-wal', paths: [], facts }],
    ...more,
  })
}

/** One segment in each snapshot: its number is ten times that, and one. */
const wals = (numbers: readonly number[]): CurrentSnapshot[] =>
  numbers.map((n) => wal(n * 10 + 1, [segment(1, n)]))

/** Numbers of what is removed. */
function removed(
  snapshots: readonly CurrentSnapshot[],
  policy: ForgetRequest['policy'],
  concerns: ForgetRequest['concerns'] = () => true,
): number[] {
  const sorted = snapshots.toSorted((a, b) => a.number - b.number)
  const time = { nowMs: 10_000 * MINUTE, trusted: new RisingClock() }
  const plan = planForget(sorted, { policy, groupBy: ['series'], concerns }, time)
  return removedBy(plan)
    .map(({ number }) => number)
    .sort((a, b) => a - b)
}

const LAST = (count: number): ForgetRequest['policy'] => ({ counts: { last: count }, timeZone: 'UTC' })

describe('archived WAL', () => {
  const bases = [base(2), base(5), base(9)]

  it('goes with the last base backup that needs it', () => {
    const all = [...bases, ...wals(range(1, 12))]
    // Of bases at segments 2, 5 and 9 the last two stay: what precedes 5 goes.
    expect(removed(all, LAST(2))).toEqual([11, 20, 21, 31, 41])
    expect(removed(all, LAST(1))).toEqual([11, 20, 21, 31, 41, 50, 51, 61, 71, 81])
    expect(removed(all, LAST(3))).toEqual([11])
  })

  it('is not ruled by a policy itself', () => {
    expect(removed(wals(range(1, 12)), LAST(1))).toEqual([])
    expect(removed([...bases.slice(0, 1), ...wals(range(2, 12))], { maxCount: 1, timeZone: 'UTC' })).toEqual(
      [],
    )
  })

  it('stays where the base backups of its cluster are not ruled', () => {
    const all = [...bases, ...wals(range(1, 12))]
    expect(removed(all, LAST(1), ({ series }) => series.startsWith('c'))).toEqual([])
  })

  it('of which a part is needed stays whole, and so does the history of a timeline', () => {
    const mixed = wal(45, [segment(1, 4), segment(1, 5)])
    const label = wal(46, [`${segment(1, 5)}.00000028.backup`])
    const old = wal(47, [`${segment(1, 4)}.00000028.backup`, `${segment(1, 4)}.partial`])
    const history = wal(48, [segment(1, 1), '00000002.history'])
    expect(removed([...bases, mixed, label, old, history, ...wals([11])], LAST(2))).toEqual([20, 47])
  })

  it('is compared without its timeline', () => {
    const all = [...bases, wal(31, [segment(7, 4)]), wal(32, [segment(7, 5)]), ...wals([11])]
    expect(removed(all, LAST(2))).toEqual([20, 31])
  })

  it('of a cluster stays where no base backup of it would be left', () => {
    const live = [base(2), ...wals(range(1, 5))]
    const gone = new Set([base(2).id])
    const reasons = planWal(live, gone, () => true).map(({ reason }) => reason)
    expect(reasons).toEqual(range(1, 5).map(() => 'no base backup'))
  })

  it('of another cluster, or another source, stays', () => {
    const other = wal(12, [segment(1, 1)], {}, '999')
    const { sources } = wal(13, [segment(1, 1)])
    const elsewhere = wal(13, [], { sources: sources.map((source) => ({ ...source, name: 'other' })) })
    expect(removed([...bases, other, elsewhere, ...wals([11])], LAST(1))).toEqual([20, 50])
  })

  it('that is held, the newest of its series, and what does not say what it holds stay', () => {
    const held = wal(11, [segment(1, 1)], { held: true })
    const broken = wal(12, [], { sources: [{ name: 'cluster', kind: 'postgres-wal', paths: [] }] })
    const closed = wal(13, [], { isReadable: false, sources: [] })
    const newest = wal(95, [segment(1, 3)])
    expect(removed([...bases, held, broken, closed, newest], LAST(1))).toEqual([20, 50])
  })

  it('stays while a base backup that is held needs it', () => {
    const all = [{ ...base(2), held: true }, base(5), base(9), ...wals(range(1, 12))]
    expect(removed(all, LAST(1))).toEqual([11, 50])
  })
})
