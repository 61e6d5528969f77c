import { describe, expect, it } from 'vitest'
import { type BaseFacts, baseFactsOf, baseNote, walFactsOf, walNote } from '../../../../src/ops/wal/facts.ts'
import { planRecovery, recoveryWindows } from '../../../../src/ops/wal/plan-recovery.ts'
import type { Forks } from '../../../../src/ops/wal/recovery-line.ts'
import { gapsBetween, presentRanges } from '../../../../src/ops/wal/segment-ranges.ts'
import { baseOf, file, MIB16, MINUTE, range, segment, walFiles } from './wal-samples.ts'

type Segments = Parameters<typeof walFiles>
const NO_FORKS: Forks = new Map()

function plan(
  bases: readonly BaseFacts[],
  [segments, histories]: Segments,
  wish: { minute?: number; timeline?: number } = {},
  forks: Forks = NO_FORKS,
): { base: string; timeline: number; files: string[]; reaches: number } {
  const archive = { segmentBytes: MIB16, files: walFiles(segments, histories), bases }
  const atMs = wish.minute === undefined ? undefined : wish.minute * MINUTE
  const { base, timeline, files, reachesMs } = planRecovery(
    archive,
    forks,
    { atMs, timeline: wish.timeline },
    'UTC',
  )
  return {
    base: base.startSegment,
    timeline,
    files: files.map(({ name }) => name),
    reaches: reachesMs / MINUTE,
  }
}

const names = (timeline: number, numbers: readonly number[]): string[] =>
  numbers.map((number) => segment(timeline, number))
/** Timeline 2 left 1 in segment `at`. */
const forkAt = (at: number): Forks => new Map([[2, [{ timeline: 1, lsn: BigInt(at) * BigInt(MIB16) + 5n }]]])

describe('the plan of a recovery', () => {
  const bases = [baseOf(3, 4), baseOf(20, 21), baseOf(40)]

  it('begins with the newest base backup that was finished by then', () => {
    const all: Segments = [{ 1: range(1, 60) }]
    expect(plan(bases, all, { minute: 20.9 })).toEqual({
      base: segment(1, 3),
      timeline: 1,
      files: names(1, range(5, 21)),
      reaches: 60,
    })
    expect(plan(bases, all, { minute: 21 }).base).toBe(segment(1, 20))
    expect(plan(bases, all, { minute: 39.9 }).base).toBe(segment(1, 20))
    expect(plan(bases, all)).toMatchObject({ base: segment(1, 40), files: names(1, range(41, 60)) })
  })

  it('reads up to the first segment that was written to after the time', () => {
    expect(plan(bases, [{ 1: range(1, 60) }], { minute: 45.5 }).files.at(-1)).toBe(segment(1, 46))
    expect(plan(bases, [{ 1: range(1, 60) }], { minute: 45 }).files.at(-1)).toBe(segment(1, 46))
  })

  it('is refused before the first base backup, and without any', () => {
    expect(() => plan(bases, [{ 1: range(1, 60) }], { minute: 3.9 })).toThrow(
      'no base backup was finished by then; the first was at 1970-01-01 00:04:00',
    )
    expect(() => plan([], [{ 1: range(1, 60) }])).toThrow('there is no base backup')
  })

  it('is refused behind the end of the archive', () => {
    expect(() => plan(bases, [{ 1: range(1, 60) }], { minute: 60 })).toThrow(
      'goes as far as 1970-01-01 01:00:00',
    )
    expect(() => plan(bases, [{}], { minute: 50 })).toThrow('goes as far as 1970-01-01 00:40:00')
  })

  it('is refused where a segment is missing on the way, and not where the gap lies elsewhere', () => {
    const gap: Segments = [{ 1: [...range(1, 29), ...range(31, 49), ...range(51, 60)] }]
    expect(() => plan(bases, gap)).toThrow(`the archive lacks ${segment(1, 50)}`)
    expect(() => plan(bases, gap, { minute: 55 })).toThrow(`the archive lacks ${segment(1, 50)}`)
    expect(() => plan(bases, gap, { minute: 35 })).toThrow(`the archive lacks ${segment(1, 30)}`)
    expect(plan(bases, gap, { minute: 28 }).files).toEqual(names(1, range(22, 29)))
    expect(plan(bases, gap, { minute: 48 }).files).toEqual(names(1, range(41, 49)))
  })

  it('needs nothing of the archive that the base backup has itself', () => {
    expect(plan([baseOf(3, 7)], [{ 1: range(8, 9) }])).toMatchObject({ files: names(1, [8, 9]) })
    expect(plan([baseOf(3, 7)], [{}])).toMatchObject({ files: [], reaches: 7 })
  })

  it('follows the server over to another timeline', () => {
    const failover: Segments = [{ 1: range(1, 9), 2: range(10, 15) }, { 2: 10 }]
    const followed = plan([baseOf(3)], failover, {}, forkAt(10))
    expect(followed).toMatchObject({
      timeline: 2,
      files: [...names(1, range(4, 9)), ...names(2, range(10, 15))],
    })
    expect(plan([baseOf(3)], failover, { minute: 12 }, forkAt(10))).toMatchObject({ timeline: 2 })
    // That the server went over later does not concern what was before.
    expect(plan([baseOf(3)], failover, { minute: 8 }, forkAt(10))).toMatchObject({ timeline: 1 })
    // A base backup behind the fork is of the old server.
    expect(
      plan([baseOf(12)], [{ 1: range(1, 20), 2: range(10, 15) }, { 2: 10 }], {}, forkAt(10)),
    ).toMatchObject({
      timeline: 1,
    })
  })

  it('does not choose where two timelines go on', () => {
    const both: Segments = [{ 1: range(1, 20), 2: range(10, 15) }, { 2: 10 }]
    expect(() => plan([baseOf(3)], both, {}, forkAt(10))).toThrow('timelines 1 and 2 both go on')
    expect(() => plan([baseOf(3)], both, { minute: 12 }, forkAt(10))).toThrow('timelines 1 and 2 both go on')
    expect(plan([baseOf(3)], both, { minute: 9.5 }, forkAt(10))).toMatchObject({ timeline: 1 })
    expect(plan([baseOf(3)], both, { minute: 12, timeline: 1 }, forkAt(10)).files).toEqual(
      names(1, range(4, 13)),
    )
    expect(plan([baseOf(3)], both, { timeline: 2 }, forkAt(10)).files.at(-1)).toBe(segment(2, 15))
    expect(() => plan([baseOf(3)], both, { timeline: 3 }, forkAt(10))).toThrow('timeline 3 does not lead on')
  })
})

describe('what an archive has', () => {
  it('is told by ranges and gaps, timeline by timeline', () => {
    const files = walFiles({ 2: [7, 8], 1: [1, 2, 5, 6, 9] }, { 2: 7 })
    const ranges = presentRanges(files.values(), MIB16)
    expect(ranges.map(({ timeline, first, last, count }) => [timeline, first, last, count])).toEqual([
      [1, segment(1, 1), segment(1, 2), 2],
      [1, segment(1, 5), segment(1, 6), 2],
      [1, segment(1, 9), segment(1, 9), 1],
      [2, segment(2, 7), segment(2, 8), 2],
    ])
    expect(gapsBetween(ranges, MIB16)).toEqual([
      { timeline: 1, first: segment(1, 3), last: segment(1, 4), count: 2 },
      { timeline: 1, first: segment(1, 7), last: segment(1, 8), count: 2 },
    ])
  })

  it('goes on over the end of a log', () => {
    expect(presentRanges(walFiles({ 1: [255, 256] }).values(), MIB16)).toHaveLength(1)
    const other = [file(segment(1, 255), 1), file(`${segment(1, 256)}.partial`, 2)]
    expect(presentRanges(other, MIB16)).toMatchObject([{ count: 1 }])
  })

  it('gives stretches of time', () => {
    const files = walFiles({ 1: [...range(1, 9), ...range(12, 20)] })
    const of = (bases: readonly BaseFacts[]): number[][] =>
      recoveryWindows({ segmentBytes: MIB16, files, bases }, NO_FORKS).map(({ fromMs, toMs }) => [
        fromMs / MINUTE,
        toMs / MINUTE,
      ])
    expect(of([baseOf(2)])).toEqual([[2, 9]])
    expect(of([baseOf(2), baseOf(5), baseOf(14)])).toEqual([
      [2, 9],
      [14, 20],
    ])
    expect(of([baseOf(10)])).toEqual([[10, 10]])
    expect(of([baseOf(11)])).toEqual([[11, 20]])
    expect(of([])).toEqual([])
  })
})

describe('facts in a snapshot', () => {
  const base = baseOf(3, 4)
  const wal = { system: '7', segmentBytes: MIB16, files: [file(segment(1, 1), 5)] }
  const source = { name: 'cluster', paths: [] }

  it('are read as they were written', () => {
    expect(baseFactsOf([{ ...source, kind: 'postgres-cluster', facts: baseNote(base) }])).toEqual([base])
    expect(walFactsOf([{ ...source, kind: 'postgres-wal', facts: walNote(wal) }])).toEqual({
      source: 'cluster',
      ...wal,
    })
  })

  it.each<[string, unknown]>([
    ['system', 'x'],
    ['segment_bytes', 17],
    ['start_segment', '../x'],
    ['end_segment', undefined],
    ['timeline', -1],
    ['finished', 1.5],
    ['started', '1'],
  ])('of a base backup make none where %s is %j', (name, value) => {
    const facts = { ...baseNote(base), [name]: value } as ReturnType<typeof baseNote>
    expect(baseFactsOf([{ ...source, kind: 'postgres-cluster', facts }])).toEqual([])
  })

  it.each<[string, unknown]>([
    ['system', '123456789012345678901'],
    ['segment_bytes', 0],
    ['files', {}],
    ['files', [null]],
    ['files', [{ ...wal.files[0], modified: 1, name: '../../etc/passwd' }]],
    ['files', [{ name: segment(1, 1), bytes: -1, hash: 'ab'.repeat(32), modified: 1 }]],
    ['files', [{ name: segment(1, 1), bytes: 1, hash: 'AB'.repeat(32), modified: 1 }]],
    [
      'files',
      Array.from({ length: 65 }, () => ({
        name: segment(1, 1),
        bytes: 1,
        hash: 'ab'.repeat(32),
        modified: 1,
      })),
    ],
  ])('of WAL make none where %s is %j', (name, value) => {
    const facts = { ...walNote(wal), [name]: value } as ReturnType<typeof walNote>
    expect(walFactsOf([{ ...source, kind: 'postgres-wal', facts }])).toBeUndefined()
  })
})
