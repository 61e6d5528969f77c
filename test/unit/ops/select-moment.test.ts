import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ErrorCode, SnapError } from '../../../src/model/errors.ts'
import { seriesId, snapshotId } from '../../../src/model/ids.ts'
import {
  latestPerSeries,
  parseSelector,
  type SnapshotFilter,
  type SnapshotSelector,
  type SnapshotSummary,
  selectSnapshot,
} from '../../../src/ops/select-moment.ts'

const HOUR = 3_600_000
const START = Date.parse('2025-11-19T00:00:00Z')

function snapshot(
  id: string,
  hour: number,
  change: Partial<SnapshotSummary> & { seriesDigit?: string } = {},
): SnapshotSummary {
  const { seriesDigit = '1', ...rest } = change
  return {
    id: snapshotId(id.padEnd(32, '0')),
    series: seriesId(seriesDigit.repeat(32)),
    number: hour + 1,
    time: START + hour * HOUR,
    hostname: 'web1',
    paths: ['/srv'],
    label: undefined,
    tags: [],
    ...rest,
  }
}

const first = snapshot('aaaa', 1)
const second = snapshot('aabb', 2, { tags: ['daily'] })
const third = snapshot('cccc', 3)
const otherHost = snapshot('dddd', 2, { seriesDigit: '2', hostname: 'db1', number: 8 })
const otherPath = snapshot('eeee', 1, { seriesDigit: '3', paths: ['/home', '/etc'], number: 9 })
const all = [second, third, first]

function failure(
  snapshots: readonly SnapshotSummary[],
  selector: SnapshotSelector,
  filter: SnapshotFilter = {},
): { code: ErrorCode; text: string } {
  try {
    selectSnapshot(snapshots, selector, filter, 'UTC')
  } catch (error) {
    if (error instanceof SnapError) return { code: error.code, text: `${error.message} | ${error.hint}` }
    throw error
  }
  throw new Error('it chose one')
}

const at = (hour: number): SnapshotSelector => ({ kind: 'at', time: START + hour * HOUR })

describe('selectSnapshot by id', () => {
  it('takes a beginning that fits one, in any case, and ignores filters', () => {
    expect(selectSnapshot(all, parseSelector('AAB'), { host: 'nowhere' })).toBe(second)
    expect(selectSnapshot(all, parseSelector(third.id))).toBe(third)
  })

  it('names the candidates where a beginning fits several', () => {
    const { code, text } = failure(all, parseSelector('aa'))
    expect(code).toBe('SNAPSHOT_AMBIGUOUS')
    expect(text).toContain('aaaa0000 of 2025-11-19 01:00:00 (web1: /srv)')
    expect(text).toContain('aabb0000')
    expect(text).toContain('more digits')
  })

  it('names those with the longest common beginning where none fits', () => {
    const { code, text } = failure(all, parseSelector('aab7'))
    expect(code).toBe('SNAPSHOT_UNKNOWN')
    expect(text).toContain('aabb0000')
    expect(text).not.toContain('aaaa0000')
    // Equal digits by chance.
    for (const other of ['ffff', 'afffffff', 'aaffffff'])
      expect(failure(all, parseSelector(other)).text).not.toContain('nearest')
    expect(failure(all, parseSelector('')).code).toBe('SNAPSHOT_UNKNOWN')
  })

  it('says that there are no snapshots at all', () => {
    expect(failure([], parseSelector('latest')).text).toContain('no snapshots')
  })
})

describe('selectSnapshot latest', () => {
  it('takes the newest of all series, and of equal times the later log entry', () => {
    expect(selectSnapshot([...all, otherHost], { kind: 'latest' })).toBe(third)
    expect(selectSnapshot([second, otherHost, first], { kind: 'latest' })).toBe(otherHost)
  })

  it('obeys host, path and tag', () => {
    const snapshots = [...all, otherHost, otherPath]
    const latest = (filter: SnapshotFilter): SnapshotSummary =>
      selectSnapshot(snapshots, { kind: 'latest' }, filter)
    expect(latest({ host: 'db1' })).toBe(otherHost)
    expect(latest({ paths: ['/etc/'] })).toBe(otherPath)
    expect(latest({ paths: ['/etc', '/home'] })).toBe(otherPath)
    expect(latest({ tags: ['daily'] })).toBe(second)
  })

  it('says which filter matches nothing and what there is', () => {
    const { code, text } = failure(all, { kind: 'latest' }, { host: 'db9', tags: ['x'] })
    expect(code).toBe('SNAPSHOT_UNKNOWN')
    expect(text).toContain('host db9, tag x')
    expect(text).toContain('; hosts are web1; tags are daily')
    expect(text).not.toContain('cccc0000')
    const srv = snapshot('ab', 1, { hostname: 'db1', paths: ['/srv'] })
    expect(failure([srv], { kind: 'latest' }, { tags: ['x'] }).text).toContain('there are no tags')
    expect(failure([srv], { kind: 'latest' }, { paths: ['/nope'] }).text).toContain('; sources are /srv')
    const both = failure([...all, srv], { kind: 'latest' }, { host: 'db1', tags: ['daily'] })
    expect(both.text).toContain('none has all of that')
  })
})

describe('selectSnapshot at a moment', () => {
  it.each([
    [1, first],
    [1.5, first],
    [2, second],
    [99, third],
  ])('takes the latest not after hour %s', (hour, expected) => {
    expect(selectSnapshot(all, at(hour))).toBe(expected)
  })

  it('names the first snapshot after the moment where none is old enough', () => {
    const { code, text } = failure(all, at(0.5))
    expect(code).toBe('SNAPSHOT_UNKNOWN')
    expect(text).toContain('2025-11-19 00:30:00')
    expect(text).toContain('aaaa0000')
    expect(text).not.toContain('cccc0000')
  })

  it('names the candidates and the flag that decides where several series have a state', () => {
    const byHost = failure([...all, otherHost], at(5))
    expect(byHost.code).toBe('SNAPSHOT_AMBIGUOUS')
    expect(byHost.text).toContain('cccc0000')
    expect(byHost.text).toContain('dddd0000')
    expect(byHost.text).toContain('with --host, or')
    expect(failure([...all, otherPath], at(5)).text).toContain('with --path, or')
    expect(failure([otherHost, otherPath], at(5)).text).toContain('with --host or --path, or')
    expect(failure([first, snapshot('bb', 1, { seriesDigit: '4' })], at(5)).text).toContain('by its id')
  })

  it('is not ambiguous where only one series is old enough, or a filter decides', () => {
    expect(selectSnapshot([...all, otherHost], at(1.5))).toBe(first)
    expect(selectSnapshot([...all, otherHost], at(5), { host: 'db1' })).toBe(otherHost)
  })

  it('shows at most five candidates', () => {
    const many = [...'123456789'].map((digit) =>
      snapshot(`f${digit}`, 1, { seriesDigit: digit, hostname: `h${digit}` }),
    )
    expect(failure(many, at(2)).text).toContain('and 4 more')
  })
})

it('gives for every series the latest snapshot not after the moment', () => {
  const snapshots = fc.array(
    fc
      .record({ hour: fc.nat(9), series: fc.constantFrom('1', '2', '3') })
      .map(({ hour, series }) => ({ hour, series })),
  )
  fc.assert(
    fc.property(snapshots, fc.nat(9), (plan, hour) => {
      const made = plan.map((item, number) =>
        snapshot(number.toString(16), item.hour, { seriesDigit: item.series, number }),
      )
      const time = START + hour * HOUR
      const chosen = latestPerSeries(made, time)
      const expected = ['1', '2', '3'].flatMap((digit) => {
        const own = made.filter((one) => one.series.startsWith(digit) && one.time <= time)
        return own.sort((a, b) => a.time - b.time || a.number - b.number).slice(-1)
      })
      expect(new Set(chosen)).toEqual(new Set(expected))
      expect(chosen).toHaveLength(expected.length)
    }),
  )
})
